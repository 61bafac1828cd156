// SPDX-License-Identifier: MIT
// Tests of the codecs of control messages.
#include "protocol/control_messages.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "tests/support/catch.h"
#include "tests/unit/protocol/samples.h"

#include <string>

namespace mmsd::protocol {

TEST_CASE("hello: comes back as it went", "[protocol][control]") {
    const Hello hello = decodeHello(encode(samples::hello()));
    CHECK(hello.version == kProtocolVersion);
    CHECK(hello.process == "api-server");
    CHECK(hello.logLevel == LogLevel::Debug);
    CHECK(hello.lastGeneration == 41);
    REQUIRE(hello.sockets.size() == 2);
    CHECK(hello.sockets[0].fd == 4);
    CHECK(hello.sockets[0].role == "api-tcp");
    CHECK(hello.sockets[1].fd == 7);
    CHECK(hello.sockets[1].role == "dns-udp");
}

TEST_CASE("hello: of another version, only the version is read", "[protocol][control]") {
    const Payload payload{std::byte{9}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0xff}};
    CHECK(decodeHello(payload).version == 9);
    CHECK(decodeHello(payload).process.empty());
    CHECK(decodeReady(payload).version == 9);
    CHECK_THROWS_AS(decodeHello(std::span{payload}.first(3)), ProtocolError);
}

TEST_CASE("hello: descriptors rise from 4, each once", "[protocol][control]") {
    Hello hello = samples::hello();
    for (const auto& fds : {std::pair{3, 4}, std::pair{4, 4}, std::pair{5, 4}, std::pair{4, 255}}) {
        hello.sockets[0].fd = static_cast<std::uint8_t>(fds.first);
        hello.sockets[1].fd = static_cast<std::uint8_t>(fds.second);
        CHECK_THROWS_AS(encode(hello), ProtocolError);
    }
}

TEST_CASE("hello: unknown log level is refused", "[protocol][control]") {
    Payload payload = encodeLogLevel(LogLevel::Debug);
    CHECK(decodeLogLevel(payload) == LogLevel::Debug);
    payload[0] = std::byte{4};
    CHECK_THROWS_WITH(decodeLogLevel(payload), "log level: unknown value 4");
}

TEST_CASE("ready: comes back as it went", "[protocol][control]") {
    const Ready ready = decodeReady(encode(samples::ready()));
    CHECK(ready.version == kProtocolVersion);
    CHECK(ready.hasSyscallFilter);
    CHECK(ready.landlockAbi == 4);
}

TEST_CASE("snapshot begin and end: come back as they went", "[protocol][control]") {
    const SnapshotBegin begin = decodeSnapshotBegin(encode(samples::snapshotBegin()));
    CHECK(begin.version == kProtocolVersion);
    CHECK(begin.appCount == 3);
    CHECK(begin.instanceCount == 7);
    CHECK(begin.payloadBytes == 1'000);
    CHECK(begin.observedAtUs == 1'700'000'000'000'001);
    CHECK(begin.cause == "status_update_event /a/b");

    const SnapshotEnd end = decodeSnapshotEnd(encode(samples::snapshotEnd()));
    CHECK(end.appCount == 3);
    CHECK(end.instanceCount == 7);
    CHECK(end.payloadBytes == 1'000);
    CHECK(end.checksum == 0x0123'4567'89ab'cdef);
}

TEST_CASE("snapshot begin: version and totals are checked", "[protocol][control]") {
    Payload payload = encode(samples::snapshotBegin());
    payload[0] = std::byte{9};
    CHECK_THROWS_WITH(decodeSnapshotBegin(payload), "snapshot: protocol version 9 instead of " +
                                                        std::to_string(kProtocolVersion));

    SnapshotBegin begin = samples::snapshotBegin();
    begin.appCount = kMaxApps + 1;
    CHECK_THROWS_AS(encode(begin), ProtocolError);
    begin = samples::snapshotBegin();
    begin.instanceCount = kMaxInstances + 1;
    CHECK_THROWS_AS(encode(begin), ProtocolError);
    SnapshotEnd end = samples::snapshotEnd();
    end.payloadBytes = kMaxSnapshotBytes + 1;
    CHECK_THROWS_AS(encode(end), ProtocolError);
}

TEST_CASE("snapshot applied: comes back as it went", "[protocol][control]") {
    const SnapshotApplied applied = decodeSnapshotApplied(encode(samples::snapshotApplied()));
    CHECK(applied.result == ApplyResult::Rejected);
    CHECK(applied.duration == std::chrono::microseconds{1'234});
    CHECK(applied.text == "disk is full");
}

TEST_CASE("snapshot applied: a duration is never negative", "[protocol][control]") {
    SnapshotApplied applied = samples::snapshotApplied();
    applied.duration = std::chrono::microseconds{-1};
    CHECK_THROWS_AS(encode(applied), ProtocolError);
    Payload payload = encode(samples::snapshotApplied());
    payload[8] = std::byte{0xff};
    CHECK_THROWS_WITH(decodeSnapshotApplied(payload), "duration: out of range");
}

TEST_CASE("process status: comes back as it went", "[protocol][control]") {
    const ProcessStatus status = decodeProcessStatus(encode(samples::processStatus()));
    CHECK(status.generation == 42);
    REQUIRE(status.processes.size() == 2);
    const ProcessInfo& first = status.processes[0];
    CHECK(first.name == "confd-writer");
    CHECK(first.pid == 4711);
    CHECK(first.phase == Phase::Running);
    CHECK(first.generation == 41);
    CHECK(first.restarts == 2);
    CHECK(first.startedAtUs == 1'000'001);
    CHECK(first.appliedAtUs == 2'000'002);
    CHECK(first.lastResult == "applied");
    CHECK(status.processes[1].phase == Phase::BackingOff);
    CHECK(status.processes[1].lastResult == "ü");
}

TEST_CASE("source status: comes back as it went", "[protocol][control]") {
    const SourceStatus status = decodeSourceStatus(encode(samples::sourceStatus()));
    CHECK(status.state == SourceState::Connected);
    CHECK(status.text == "http://10.0.0.1:8080");
}

TEST_CASE("control: free text is cleaned and cut, never refused", "[protocol][control]") {
    SourceStatus status{.state = SourceState::Unreachable, .text = "bad \xff byte\nand \"line\""};
    CHECK(decodeSourceStatus(encode(status)).text == "bad \\xff byte\\nand \\\"line\\\"");

    status.text = std::string(kMaxStatusText, 'x');
    CHECK(decodeSourceStatus(encode(status)).text == status.text);
    status.text += 'x';
    const std::string cut = decodeSourceStatus(encode(status)).text;
    CHECK(cut.size() <= kMaxStatusText);
    CHECK(cut.ends_with("x…"));
    status.text = std::string(kMaxStatusText, '\n');
    CHECK(decodeSourceStatus(encode(status)).text.size() <= kMaxStatusText);
}

TEST_CASE("control: free text that the encoder would have cleaned is refused",
          "[protocol][control]") {
    Payload payload = encode(SourceStatus{.state = SourceState::Connected, .text = "abc"});
    for (const int octet : {0, 10, 0x7f, 0x80, 0xff}) {
        payload.back() = static_cast<std::byte>(octet);
        CHECK_THROWS_AS(decodeSourceStatus(payload), ProtocolError);
    }
}

TEST_CASE("control: names have limits and no control characters", "[protocol][control]") {
    Hello hello = samples::hello();
    hello.process = std::string(kMaxProcessName, 'x');
    CHECK_NOTHROW(encode(hello));
    hello.process += 'x';
    CHECK_THROWS_WITH(encode(hello), "process: 33 is above the limit of 32");
    hello.process = "a\nb";
    CHECK_THROWS_WITH(encode(hello), "process: control characters or invalid UTF-8");
}

TEST_CASE("control: lists have limits", "[protocol][control]") {
    ProcessStatus status;
    status.processes.resize(kMaxProcesses);
    CHECK(decodeProcessStatus(encode(status)).processes.size() == kMaxProcesses);
    status.processes.emplace_back();
    CHECK_THROWS_AS(encode(status), ProtocolError);
}

TEST_CASE("control: tokens come back", "[protocol][control]") {
    CHECK(decodeToken(encodeToken(0xfedcba9876543210)) == 0xfedcba9876543210);
}

TEST_CASE("control: names of enums", "[protocol][control]") {
    CHECK(toString(ApplyResult::Applied) == "applied");
    CHECK(toString(ApplyResult::Rejected) == "rejected");
    CHECK(toString(Phase::Starting) == "starting");
    CHECK(toString(Phase::Stopped) == "stopped");
    CHECK(toString(SourceState::Connecting) == "connecting");
    CHECK(toString(SourceState::Unreachable) == "unreachable");
}

} // namespace mmsd::protocol
