// SPDX-License-Identifier: MIT
// Codecs of the control messages, but for StatusReport.
#include "protocol/control_messages.h"

#include "protocol/field_codec.h"
#include "protocol/limits.h"

#include <array>

namespace mmsd::protocol {

namespace {

template <typename C> void visit(C& codec, Fields<C, Hello> m) {
    codec.number(m.version);
    codec.name("process", m.process, kMaxProcessName);
    codec.enumeration("log level", m.logLevel, LogLevel::Debug);
    codec.number(m.lastGeneration);
    std::uint8_t lowestFree = kFirstSocketFd;
    codec.list("sockets", m.sockets, kMaxSocketRoles, 3, [&](auto& socket) {
        codec.number(socket.fd);
        codec.name("socket role", socket.role, kMaxProcessName);
        if (socket.fd < lowestFree || socket.fd == 0xff)
            failField("sockets", "descriptors are not in rising order from 4");
        lowestFree = static_cast<std::uint8_t>(socket.fd + 1);
    });
}

template <typename C> void visit(C& codec, Fields<C, Ready> m) {
    codec.number(m.version);
    codec.boolean(m.hasSyscallFilter);
    codec.number(m.landlockAbi);
}

void checkTotals(std::uint32_t apps, std::uint32_t instances, std::uint64_t bytes) {
    checkSize("apps", apps, kMaxApps);
    checkSize("instances", instances, kMaxInstances);
    checkSize("payload octets", bytes, kMaxSnapshotBytes);
}

template <typename C> void visit(C& codec, Fields<C, SnapshotBegin> m) {
    codec.number(m.version);
    if (m.version != kProtocolVersion)
        failField("snapshot", "protocol version " + std::to_string(m.version) + " instead of " +
                                  std::to_string(kProtocolVersion));
    codec.number(m.base);
    codec.number(m.appCount);
    codec.number(m.instanceCount);
    codec.number(m.payloadBytes);
    checkTotals(m.appCount, m.instanceCount, m.payloadBytes);
    codec.number(m.observedAtUs);
    codec.text("cause", m.cause, kMaxStatusText);
}

template <typename C> void visit(C& codec, Fields<C, SnapshotEnd> m) {
    codec.number(m.appCount);
    codec.number(m.instanceCount);
    codec.number(m.payloadBytes);
    checkTotals(m.appCount, m.instanceCount, m.payloadBytes);
    codec.number(m.checksum);
    codec.number(m.state.appCount);
    codec.number(m.state.instanceCount);
    checkTotals(m.state.appCount, m.state.instanceCount, 0);
    codec.number(m.state.checksum);
}

template <typename C> void visit(C& codec, Fields<C, SnapshotApplied> m) {
    codec.enumeration("result", m.result, ApplyResult::Rejected);
    codec.template duration<std::uint64_t>("duration", m.duration);
    codec.text("text", m.text, kMaxStatusText);
}

template <typename C> void visit(C& codec, Fields<C, ProcessStatus> m) {
    codec.number(m.generation);
    codec.list("processes", m.processes, kMaxProcesses, 37, [&](auto& process) {
        codec.name("process", process.name, kMaxProcessName);
        codec.number(process.pid);
        codec.enumeration("phase", process.phase, Phase::Stopped);
        codec.number(process.generation);
        codec.number(process.restarts);
        codec.number(process.startedAtUs);
        codec.number(process.appliedAtUs);
        codec.text("last result", process.lastResult, kMaxStatusText);
    });
}

template <typename C> void visit(C& codec, Fields<C, SourceStatus> m) {
    codec.enumeration("source state", m.state, SourceState::Unreachable);
    codec.text("text", m.text, kMaxStatusText);
}

template <typename Message> Payload encodeMessage(const Message& message) {
    FieldWriter writer;
    visit(writer, message);
    return writer.wire().take();
}

template <typename Message> Message decodeMessage(PayloadView payload) {
    FieldReader reader{payload};
    Message message;
    visit(reader, message);
    reader.wire().expectEnd();
    return message;
}

/** Hello and Ready: no more than the version is known of another version's message. */
template <typename Message> Message decodeOpening(PayloadView payload) {
    if (const std::uint32_t version = WireReader{payload}.u32(); version != kProtocolVersion) {
        Message message;
        message.version = version;
        return message;
    }
    return decodeMessage<Message>(payload);
}

} // namespace

std::string_view toString(ApplyResult result) noexcept {
    constexpr std::array<std::string_view, 3> kNames{"applied", "unchanged", "rejected"};
    return kNames.at(static_cast<std::size_t>(result));
}

std::string_view toString(Phase phase) noexcept {
    constexpr std::array<std::string_view, 5> kNames{"starting", "running", "stopping",
                                                     "backing_off", "stopped"};
    return kNames.at(static_cast<std::size_t>(phase));
}

std::string_view toString(SourceState state) noexcept {
    constexpr std::array<std::string_view, 3> kNames{"connecting", "connected", "unreachable"};
    return kNames.at(static_cast<std::size_t>(state));
}

Payload encode(const Hello& message) {
    return encodeMessage(message);
}

Payload encode(const Ready& message) {
    return encodeMessage(message);
}

Payload encode(const SnapshotBegin& message) {
    return encodeMessage(message);
}

Payload encode(const SnapshotEnd& message) {
    return encodeMessage(message);
}

Payload encode(const SnapshotApplied& message) {
    return encodeMessage(message);
}

Payload encode(const ProcessStatus& message) {
    return encodeMessage(message);
}

Payload encode(const SourceStatus& message) {
    return encodeMessage(message);
}

Payload encodeToken(std::uint64_t token) {
    WireWriter writer;
    writer.u64(token);
    return writer.take();
}

Payload encodeLogLevel(LogLevel level) {
    WireWriter writer;
    writer.u8(static_cast<std::uint8_t>(level));
    return writer.take();
}

Payload wrapStatus(std::string_view process, PayloadView report) {
    checkSize("process", process.size(), kMaxProcessName);
    checkSize("status report", report.size(), kMaxStatusReport);
    WireWriter writer;
    writer.string(process);
    writer.bytes(report);
    return writer.take();
}

Hello decodeHello(PayloadView payload) {
    return decodeOpening<Hello>(payload);
}

Ready decodeReady(PayloadView payload) {
    return decodeOpening<Ready>(payload);
}

SnapshotBegin decodeSnapshotBegin(PayloadView payload) {
    return decodeMessage<SnapshotBegin>(payload);
}

SnapshotEnd decodeSnapshotEnd(PayloadView payload) {
    return decodeMessage<SnapshotEnd>(payload);
}

SnapshotApplied decodeSnapshotApplied(PayloadView payload) {
    return decodeMessage<SnapshotApplied>(payload);
}

ProcessStatus decodeProcessStatus(PayloadView payload) {
    return decodeMessage<ProcessStatus>(payload);
}

SourceStatus decodeSourceStatus(PayloadView payload) {
    return decodeMessage<SourceStatus>(payload);
}

std::uint64_t decodeToken(PayloadView payload) {
    WireReader reader{payload};
    const std::uint64_t token = reader.u64();
    reader.expectEnd();
    return token;
}

LogLevel decodeLogLevel(PayloadView payload) {
    FieldReader reader{payload};
    LogLevel level{};
    reader.enumeration("log level", level, LogLevel::Debug);
    reader.wire().expectEnd();
    return level;
}

} // namespace mmsd::protocol
