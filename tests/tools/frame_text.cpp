// SPDX-License-Identifier: MIT
// FrameText: frames as one line of text each, for people.
#include "tests/tools/frame_text.h"

#include "common/text.h"
#include "protocol/protocol_error.h"
#include "protocol/state_codec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

namespace mmsd::test {

using protocol::MessageType;

namespace {

std::string quote(std::string_view text) {
    return '"' + escapeText(text, 4'096) + '"';
}

std::string_view toString(LogLevel level) {
    constexpr std::array<std::string_view, 4> kNames{"error", "warning", "info", "debug"};
    return kNames.at(static_cast<std::size_t>(level));
}

template <typename Items, typename Describe>
std::string listOf(const Items& items, Describe describe) {
    std::vector<std::string> texts;
    for (const auto& item : items)
        texts.push_back(describe(item));
    return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string labelsOf(const auto& labels) {
    return listOf(labels, [](const auto& label) {
        return fmt::format("{}={}", escapeText(label.first), quote(label.second));
    });
}

std::string portIndexOf(std::uint16_t index) {
    return index == protocol::kWholeApp ? "app" : fmt::format("port {}", index);
}

std::string describe(const protocol::Hello& m) {
    return fmt::format("version={} process={} log_level={} last_generation={} sockets={}",
                       m.version, quote(m.process), toString(m.logLevel), m.lastGeneration,
                       listOf(m.sockets, [](const protocol::SocketRole& socket) {
                           return fmt::format("{}:{}", socket.fd, escapeText(socket.role));
                       }));
}

std::string describe(const protocol::Ready& m) {
    return fmt::format("version={} syscall_filter={} landlock_abi={}", m.version,
                       m.hasSyscallFilter, m.landlockAbi);
}

std::string describe(const protocol::SnapshotBegin& m) {
    return fmt::format(
        "version={} base={} apps={} instances={} payload_bytes={} observed_at_us={} cause={}",
        m.version, m.base, m.appCount, m.instanceCount, m.payloadBytes, m.observedAtUs,
        quote(m.cause));
}

std::string describe(const protocol::SnapshotEnd& m) {
    return fmt::format("apps={} instances={} payload_bytes={} checksum={:016x} "
                       "state={{apps={} instances={} checksum={:016x}}}",
                       m.appCount, m.instanceCount, m.payloadBytes, m.checksum, m.state.appCount,
                       m.state.instanceCount, m.state.checksum);
}

std::string describe(const protocol::SnapshotApplied& m) {
    return fmt::format("result={} duration_us={} text={}", toString(m.result), m.duration.count(),
                       quote(m.text));
}

std::string describe(const protocol::ProcessStatus& m) {
    return fmt::format("generation={} processes={}", m.generation,
                       listOf(m.processes, [](const protocol::ProcessInfo& process) {
                           return fmt::format("{{name={} pid={} phase={} generation={} restarts={} "
                                              "started_at_us={} applied_at_us={} last_result={}}}",
                                              quote(process.name), process.pid,
                                              toString(process.phase), process.generation,
                                              process.restarts, process.startedAtUs,
                                              process.appliedAtUs, quote(process.lastResult));
                       }));
}

std::string describe(const protocol::SourceStatus& m) {
    return fmt::format("state={} text={}", toString(m.state), quote(m.text));
}

std::string describe(const protocol::StatusReport& m) {
    return fmt::format(
        "metrics={} refusals={} omitted_refusals={}",
        listOf(m.metrics,
               [](const protocol::Metric& metric) {
                   const bool isCounter = metric.kind == protocol::Metric::Kind::Counter;
                   return fmt::format("{} {}{}={}", isCounter ? "counter" : "gauge", metric.name,
                                      metric.labels.empty() ? "" : labelsOf(metric.labels),
                                      metric.value);
               }),
        listOf(m.refusals,
               [](const protocol::Refusal& refusal) {
                   return fmt::format("{} {}: {} ({}{})", quote(refusal.appId),
                                      portIndexOf(refusal.portIndex), quote(refusal.reason),
                                      toString(refusal.rule), refusal.isPartial ? ", partial" : "");
               }),
        m.omittedRefusals);
}

/** A report from its process, or behind the name of it, as the supervisor sends it on. */
std::string describeStatus(protocol::PayloadView payload) {
    try {
        return describe(protocol::decodeStatusReport(payload));
    } catch (const protocol::ProtocolError&) {
        const auto [process, report] = protocol::unwrapStatus(payload);
        return fmt::format("process={} {}", quote(process),
                           describe(protocol::decodeStatusReport(report)));
    }
}

std::string describe(const protocol::HealthCheck& check) {
    std::string text =
        fmt::format("{}:{} every {} ms within {} ms after {} ms, {} failures",
                    toString(check.protocol), quote(check.path), check.interval.count(),
                    check.timeout.count(), check.gracePeriod.count(), check.maxConsecutiveFailures);
    return check.port ? text + fmt::format(" on port {}", *check.port) : text;
}

std::string describe(const protocol::Port& port) {
    return fmt::format("{{service_port={} name={} transports={}{} labels={} check={}}}",
                       port.servicePort, quote(port.name), port.isTcp ? "t" : "",
                       port.isUdp ? "u" : "", labelsOf(port.labels),
                       port.check ? describe(*port.check) : "none");
}

std::string describe(const protocol::DecodedApp& m) {
    return fmt::format(
        "id={} version={} pod={} instances={} labels={} ports={} problems={}", quote(m.app.id),
        quote(m.app.version), m.app.isPod, m.instanceCount, labelsOf(m.app.labels),
        listOf(m.app.ports, [](const auto& port) { return describe(port); }),
        listOf(m.app.problems, [](const protocol::Problem& problem) {
            return fmt::format("{}: {}", portIndexOf(problem.portIndex), quote(problem.text));
        }));
}

std::string describe(const protocol::Instance& instance) {
    const auto toText = [](const IpAddress& address) { return address.toString(); };
    return fmt::format(
        "{{task={} agent={} host={} host_addresses={} container_addresses={} "
        "state={} health={} serving={} ports={}}}",
        quote(instance.taskId), quote(instance.agentId), quote(instance.host),
        listOf(instance.hostAddresses, toText), listOf(instance.containerAddresses, toText),
        toString(instance.state), toString(instance.health), toString(instance.serving),
        listOf(instance.ports, [](const protocol::InstancePort& port) {
            return fmt::format("{}{}", port.number, port.isOnContainer ? " on container" : "");
        }));
}

} // namespace

std::string FrameText::describe(const protocol::FrameView& frame) {
    return fmt::format("{} generation={} length={} {}", toString(frame.header.type),
                       frame.header.generation, frame.header.length, describePayload(frame));
}

std::string FrameText::describePayload(const protocol::FrameView& frame) {
    const protocol::PayloadView payload = frame.payload;
    switch (frame.header.type) {
    case MessageType::Hello:
        return test::describe(protocol::decodeHello(payload));
    case MessageType::Ready:
        return test::describe(protocol::decodeReady(payload));
    case MessageType::Ping:
    case MessageType::Pong:
        return fmt::format("token={}", protocol::decodeToken(payload));
    case MessageType::SetLogLevel:
        return fmt::format("level={}", toString(protocol::decodeLogLevel(payload)));
    case MessageType::Reapply:
    case MessageType::Shutdown:
    case MessageType::SnapshotTarget:
        return fmt::format("payload={}", payload.empty() ? "none" : "unexpected");
    case MessageType::SnapshotBegin:
        return test::describe(protocol::decodeSnapshotBegin(payload));
    case MessageType::SnapshotApp: {
        protocol::DecodedApp decoded = protocol::decodeApp(payload);
        std::string text = test::describe(decoded);
        app_ = std::move(decoded.app);
        return text;
    }
    case MessageType::SnapshotInstances: {
        app_.instances.clear();
        protocol::decodeInstances(payload, app_);
        return fmt::format(
            "app={} instances={}", quote(app_.id),
            listOf(app_.instances, [](const auto& instance) { return test::describe(instance); }));
    }
    case MessageType::SnapshotRemoved:
        return fmt::format("app={}", quote(protocol::decodeRemoved(payload)));
    case MessageType::SnapshotEnd:
        return test::describe(protocol::decodeSnapshotEnd(payload));
    case MessageType::SnapshotApplied:
        return test::describe(protocol::decodeSnapshotApplied(payload));
    case MessageType::Status:
        return describeStatus(payload);
    case MessageType::ProcessStatus:
        return test::describe(protocol::decodeProcessStatus(payload));
    case MessageType::SourceStatus:
        return test::describe(protocol::decodeSourceStatus(payload));
    }
    return "";
}

} // namespace mmsd::test
