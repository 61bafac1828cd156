// SPDX-License-Identifier: MIT
// Codecs of apps and instances, and the frames of a whole snapshot.
#include "protocol/state_codec.h"

#include "protocol/checksum.h"
#include "protocol/field_codec.h"
#include "protocol/frame.h"
#include "protocol/limits.h"

#include <algorithm>
#include <cstring>

namespace mmsd::protocol {

namespace {

/** Octets that an instance and a port need at least; for the check of list counts. */
constexpr std::size_t kMinimumInstance = 21;
constexpr std::size_t kMinimumPort = 11;

/** The labels of an app and all of its ports share two limits. */
struct LabelTotals {
    std::size_t count = 0;
    std::size_t octets = 0;
};

template <typename C> void visitLabel(C& codec, auto& key, auto& value, LabelTotals& totals) {
    codec.name("label", key, kMaxLabel);
    codec.value("label value", value, kMaxLabel);
    const std::size_t octets = key.size() + value.size();
    totals.octets += octets;
    checkSize("label", octets, kMaxLabel);
    checkSize("labels of an app", ++totals.count, kMaxLabelsPerApp);
    checkSize("label octets of an app", totals.octets, kMaxLabelBytesPerApp);
}

void visitLabels(FieldWriter& writer, const Labels& labels, LabelTotals& totals) {
    writer.wire().count(labels.size());
    for (const auto& [key, value] : labels)
        visitLabel(writer, key, value, totals);
}

void visitLabels(FieldReader& reader, Labels& labels, LabelTotals& totals) {
    const std::size_t count = reader.wire().count(kMaxLabelsPerApp, 4);
    for (std::size_t i = 0; i < count; ++i) {
        std::string key;
        std::string value;
        visitLabel(reader, key, value, totals);
        if (!labels.empty() && key <= labels.rbegin()->first)
            failField("label", "keys are not in rising order");
        labels.emplace_hint(labels.end(), std::move(key), std::move(value));
    }
}

void visitAddress(FieldWriter& writer, const IpAddress& address) {
    writer.wire().u8(address.isV6() ? 6 : 4);
    writer.wire().bytes(std::as_bytes(std::span{address.data(), address.size()}));
}

void visitAddress(FieldReader& reader, IpAddress& address) {
    const auto take = [&reader]<typename T>(T raw) {
        std::memcpy(&raw, reader.wire().bytes(sizeof raw).data(), sizeof raw);
        return IpAddress{raw};
    };
    switch (reader.wire().u8()) {
    case 4:
        address = take(in_addr{});
        return;
    case 6:
        address = take(in6_addr{});
        return;
    default:
        failField("address", "neither IPv4 nor IPv6");
    }
}

template <typename C> void visitCheck(C& codec, Fields<C, HealthCheck> m) {
    codec.enumeration("check protocol", m.protocol, CheckProtocol::Command);
    codec.name("check path", m.path, kMaxCheckPath);
    codec.template duration<std::uint32_t>("check interval", m.interval);
    codec.template duration<std::uint32_t>("check timeout", m.timeout);
    codec.template duration<std::uint32_t>("grace period", m.gracePeriod);
    codec.number(m.maxConsecutiveFailures);
    codec.optional(m.port, [&](auto& port) { codec.number(port); });
}

template <typename C>
void visitApp(C& codec, Fields<C, App> m, Fields<C, std::uint32_t> instanceCount) {
    LabelTotals labels;
    codec.name("app id", m.id, kMaxAppId);
    if (!m.id.starts_with('/'))
        failField("app id", "does not start with a slash");
    codec.name("app version", m.version, kMaxAppVersion);
    codec.boolean(m.isPod);
    codec.number(instanceCount);
    checkSize("instances of an app", instanceCount, kMaxInstancesPerApp);
    visitLabels(codec, m.labels, labels);
    codec.list("ports of an app", m.ports, kMaxPortsPerApp, kMinimumPort, [&](auto& port) {
        codec.number(port.servicePort);
        codec.name("port name", port.name, kMaxPortName);
        codec.boolean(port.isTcp);
        codec.boolean(port.isUdp);
        visitLabels(codec, port.labels, labels);
        codec.optional(port.check, [&](auto& check) { visitCheck(codec, check); });
    });
    codec.list("problems of an app", m.problems, kMaxProblemsPerApp, 4, [&](auto& problem) {
        codec.number(problem.portIndex);
        codec.text("problem", problem.text, kMaxProblemText);
    });
}

template <typename C> void visitAddresses(C& codec, auto& addresses) {
    codec.list("addresses", addresses, kMaxAddresses, 5,
               [&](auto& address) { visitAddress(codec, address); });
}

template <typename C> void visitInstance(C& codec, Fields<C, Instance> m, std::size_t portCount) {
    codec.name("task id", m.taskId, kMaxTaskId);
    codec.name("agent id", m.agentId, kMaxTaskId);
    codec.name("host", m.host, kMaxHostName);
    visitAddresses(codec, m.hostAddresses);
    visitAddresses(codec, m.containerAddresses);
    codec.enumeration("task state", m.state, TaskState::Unreachable);
    codec.enumeration("health", m.health, Health::Unhealthy);
    codec.enumeration("serving", m.serving, Serving::Unresolved);
    codec.list("ports of an instance", m.ports, kMaxPortsPerApp, 3, [&](auto& port) {
        codec.number(port.number);
        codec.boolean(port.isOnContainer);
    });
    if (m.ports.size() != portCount)
        failField("ports of an instance",
                  std::to_string(m.ports.size()) + " instead of " + std::to_string(portCount));
}

/** Cuts encoded instances into payloads, as many to each as fit. */
class InstancePacker {
public:
    explicit InstancePacker(std::vector<Payload>& out) noexcept : out_{out} {}
    void add(std::span<const std::byte> instance) {
        constexpr std::size_t kCountSize = 4;
        if (kCountSize + body_.size() + instance.size() > kMaxPayload)
            finish();
        body_.bytes(instance);
        ++count_;
    }
    void finish() {
        if (count_ == 0)
            return;
        WireWriter payload;
        payload.count(std::exchange(count_, 0));
        payload.bytes(body_.view());
        body_.clear();
        out_.push_back(payload.take());
    }

private:
    std::vector<Payload>& out_;
    WireWriter body_;
    std::size_t count_ = 0;
};

} // namespace

std::size_t EncodedApp::payloadBytes() const noexcept {
    std::size_t total = app.size();
    for (const Payload& payload : instances)
        total += payload.size();
    return total;
}

EncodedApp encodeApp(const App& app) {
    checkSize("instances of an app", app.instances.size(), kMaxInstancesPerApp);
    EncodedApp encoded;
    encoded.instanceCount = static_cast<std::uint32_t>(app.instances.size());

    FieldWriter writer;
    visitApp(writer, app, encoded.instanceCount);
    checkSize("octets of an app", writer.wire().size(), kMaxPayload);
    encoded.app = writer.wire().take();

    InstancePacker packer{encoded.instances};
    for (const Instance& instance : app.instances) {
        visitInstance(writer, instance, app.ports.size());
        packer.add(writer.wire().view());
        writer.wire().clear();
    }
    packer.finish();
    Checksum checksum;
    checksum.update(encoded.app);
    for (const Payload& payload : encoded.instances)
        checksum.update(payload);
    encoded.checksum = checksum.value();
    return encoded;
}

DecodedApp decodeApp(PayloadView payload) {
    FieldReader reader{payload};
    DecodedApp decoded;
    visitApp(reader, decoded.app, decoded.instanceCount);
    reader.wire().expectEnd();
    return decoded;
}

void decodeInstances(PayloadView payload, App& app) {
    FieldReader reader{payload};
    const std::size_t limit = kMaxInstancesPerApp - app.instances.size();
    const std::size_t before = app.instances.size();
    reader.list("instances of an app", app.instances, limit, kMinimumInstance,
                [&](Instance& instance) { visitInstance(reader, instance, app.ports.size()); });
    reader.wire().expectEnd();
    if (app.instances.size() == before)
        failField("instances of an app", "an empty list");
}

Payload encodeRemoved(std::string_view id) {
    FieldWriter writer;
    writer.name("app id", std::string{id}, kMaxAppId);
    return writer.wire().take();
}

std::string decodeRemoved(PayloadView payload) {
    FieldReader reader{payload};
    std::string id;
    reader.name("app id", id, kMaxAppId);
    reader.wire().expectEnd();
    return id;
}

void addTo(StateTotals& state, const EncodedApp& app) noexcept {
    ++state.appCount;
    state.instanceCount += app.instanceCount;
    state.checksum += app.checksum;
}

void takeFrom(StateTotals& state, const EncodedApp& app) noexcept {
    --state.appCount;
    state.instanceCount -= app.instanceCount;
    state.checksum -= app.checksum;
}

std::vector<std::byte> encodeTransaction(std::uint64_t generation, SnapshotBegin begin,
                                         const std::vector<EncodedChange>& changes,
                                         const StateTotals& state) {
    std::vector<std::byte> frames;
    Checksum checksum;
    begin.version = kProtocolVersion;
    begin.appCount = begin.instanceCount = 0;
    begin.payloadBytes = 0;
    for (const EncodedChange& change : changes) {
        begin.payloadBytes +=
            change.app != nullptr ? change.app->payloadBytes() : encodeRemoved(change.id).size();
        begin.appCount += change.app != nullptr ? 1 : 0;
        begin.instanceCount += change.app != nullptr ? change.app->instanceCount : 0;
    }
    checkSize("apps", state.appCount, kMaxApps);
    checkSize("instances", state.instanceCount, kMaxInstances);
    // A guess that most often holds: an app has one frame, and one more for its instances.
    frames.reserve(begin.payloadBytes + (changes.size() + 1) * 2 * kHeaderSize + 1'024);
    const auto append = [&](MessageType type, const Payload& payload) {
        appendFrame(frames, type, generation, payload);
        checksum.update(payload);
    };
    appendFrame(frames, MessageType::SnapshotBegin, generation, encode(begin));
    for (const EncodedChange& change : changes) {
        if (change.app == nullptr) {
            append(MessageType::SnapshotRemoved, encodeRemoved(change.id));
            continue;
        }
        append(MessageType::SnapshotApp, change.app->app);
        for (const Payload& payload : change.app->instances)
            append(MessageType::SnapshotInstances, payload);
    }
    appendFrame(frames, MessageType::SnapshotEnd, generation,
                encode(SnapshotEnd{.appCount = begin.appCount,
                                   .instanceCount = begin.instanceCount,
                                   .payloadBytes = begin.payloadBytes,
                                   .checksum = checksum.value(),
                                   .state = state}));
    checkSize("octets of a snapshot", frames.size(), kMaxSnapshotBytes);
    return frames;
}

std::vector<std::byte> encodeSnapshot(std::uint64_t generation, SnapshotBegin begin,
                                      const std::vector<const EncodedApp*>& apps) {
    std::vector<EncodedChange> changes;
    changes.reserve(apps.size());
    StateTotals state;
    for (const EncodedApp* app : apps) {
        changes.push_back({{}, app});
        addTo(state, *app);
    }
    begin.base = 0;
    return encodeTransaction(generation, std::move(begin), changes, state);
}

} // namespace mmsd::protocol
