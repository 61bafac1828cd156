// SPDX-License-Identifier: MIT
// One filled-in value of each message, for golden frames and robustness tests.
#include "tests/unit/protocol/samples.h"

#include "protocol/limits.h"

#include <algorithm>
#include <map>

namespace mmsd::protocol::samples {

namespace {

IpAddress address(const char* text) {
    return IpAddress::parse(text).value();
}

template <typename Message>
SamplePayload sampleOf(const char* name, MessageType type, const Message& message,
                       Message (*decode)(PayloadView)) {
    return {name, type, 0, encode(message),
            [decode](PayloadView payload) { return encode(decode(payload)); }};
}

Payload recodeStatus(PayloadView payload) {
    const auto [process, report] = unwrapStatus(payload);
    return wrapStatus(process, encode(decodeStatusReport(report)));
}

Payload recodeApp(PayloadView payload) {
    DecodedApp decoded = decodeApp(payload);
    if (decoded.instanceCount > 100)
        return {payload.begin(), payload.end()}; // accepted, but slow to encode again
    Instance instance;
    instance.ports.resize(decoded.app.ports.size());
    decoded.app.instances.resize(decoded.instanceCount, instance);
    return encodeApp(decoded.app).app;
}

Payload recodeInstances(PayloadView payload) {
    App around;
    around.id = "/a";
    around.ports.resize(app().ports.size());
    decodeInstances(payload, around);
    return encodeApp(around).instances.at(0);
}

} // namespace

Hello hello() {
    return {.version = kProtocolVersion,
            .process = "api-server",
            .logLevel = LogLevel::Debug,
            .lastGeneration = 41,
            .sockets = {{.fd = 4, .role = "api-tcp"}, {.fd = 7, .role = "dns-udp"}}};
}

Ready ready() {
    return {.version = kProtocolVersion, .hasSyscallFilter = true, .landlockAbi = 4};
}

SnapshotBegin snapshotBegin() {
    return {.version = kProtocolVersion,
            .base = 41,
            .appCount = 3,
            .instanceCount = 7,
            .payloadBytes = 1'000,
            .observedAtUs = 1'700'000'000'000'001,
            .cause = "status_update_event /a/b"};
}

SnapshotEnd snapshotEnd() {
    return {.appCount = 3,
            .instanceCount = 7,
            .payloadBytes = 1'000,
            .checksum = 0x0123'4567'89ab'cdef,
            .state = {.appCount = 4, .instanceCount = 9, .checksum = 0xfedc'ba98'7654'3210}};
}

SnapshotApplied snapshotApplied() {
    return {.result = ApplyResult::Rejected,
            .duration = std::chrono::microseconds{1'234},
            .text = "disk is full"};
}

ProcessStatus processStatus() {
    return {.generation = 42,
            .processes = {{.name = "confd-writer",
                           .pid = 4711,
                           .phase = Phase::Running,
                           .generation = 41,
                           .restarts = 2,
                           .startedAtUs = 1'000'001,
                           .appliedAtUs = 2'000'002,
                           .lastResult = "applied"},
                          {.name = "dns-server", .phase = Phase::BackingOff, .lastResult = "ü"}}};
}

SourceStatus sourceStatus() {
    return {.state = SourceState::Connected, .text = "http://10.0.0.1:8080"};
}

StatusReport statusReport() {
    return {.metrics = {{.name = "files_written_total",
                         .kind = Metric::Kind::Counter,
                         .labels = {{"kind", "new"}, {"folder", "a\"b"}},
                         .value = 17},
                        {.name = "lag_seconds", .labels = {}, .value = 0.25}},
            .refusals = {{.appId = "/a",
                          .portIndex = 1,
                          .reason = "port in use",
                          .rule = RefusalRule::PortBusy},
                         {.appId = "/b",
                          .portIndex = kWholeApp,
                          .reason = "too long",
                          .rule = RefusalRule::InvalidValue,
                          .isPartial = true}},
            .omittedRefusals = 5};
}

App app() {
    App sample;
    sample.id = "/developer/trapni/php";
    sample.version = "2015-01-01T00:00:00.000Z";
    sample.isPod = true;
    sample.labels = {{"empty", ""}, {"lb-group", "default"}, {"text", "two\nlines, ü"}};
    Port http;
    http.servicePort = 10'000;
    http.name = "web";
    http.labels = {{"proto", "http"}};
    http.check = HealthCheck{.protocol = CheckProtocol::Https,
                             .path = "/ping?x=1",
                             .interval = std::chrono::seconds{10},
                             .timeout = std::chrono::milliseconds{2'500},
                             .gracePeriod = std::chrono::minutes{5},
                             .maxConsecutiveFailures = 4,
                             .port = 8'443};
    Port udp;
    udp.servicePort = 10'001;
    udp.isTcp = false;
    udp.isUdp = true;
    udp.check = HealthCheck{.protocol = CheckProtocol::Tcp, .path = "", .port = {}};
    sample.ports = {http, udp};

    Instance first;
    first.taskId = "php.9ea9d2b2";
    first.agentId = "20150101-S1";
    first.host = "host1";
    first.hostAddresses = {address("10.0.0.1"), address("2001:db8::1")};
    first.state = TaskState::Running;
    first.health = Health::Healthy;
    first.serving = Serving::Yes;
    first.ports = {{31'000, false}, {0, false}};
    Instance second = first;
    second.taskId = "php.b7c1";
    second.agentId = "";
    second.host = "host2";
    second.hostAddresses.clear();
    second.containerAddresses = {address("172.17.0.2")};
    second.state = TaskState::Unreachable;
    second.health = Health::Unknown;
    second.serving = Serving::Unresolved;
    second.ports = {{80, true}, {53, true}};
    sample.instances = {first, second};
    sample.problems = {{.portIndex = 1, .text = "no host port"}, {.text = "odd label"}};
    return sample;
}

App plainApp(const std::string& id, std::size_t instances) {
    App sample;
    sample.id = id;
    sample.ports.resize(1);
    for (std::size_t i = 0; i < instances; ++i) {
        Instance instance;
        instance.taskId = id + "." + std::to_string(i);
        instance.host = "host";
        instance.ports = {{static_cast<std::uint16_t>(1 + i), false}};
        sample.instances.push_back(instance);
    }
    return sample;
}

std::vector<std::byte> encodeFrames(std::uint64_t generation, const std::vector<App>& apps) {
    std::vector<EncodedApp> encoded;
    for (const App& each : apps)
        encoded.push_back(encodeApp(each));
    std::vector<const EncodedApp*> pointers;
    for (const EncodedApp& each : encoded)
        pointers.push_back(&each);
    return encodeSnapshot(generation, {.observedAtUs = 7, .cause = "test"}, pointers);
}

std::vector<std::byte> encodeChanges(std::uint64_t generation, std::uint64_t base,
                                     const std::vector<App>& before,
                                     const std::vector<App>& after) {
    std::map<std::string, EncodedApp> encoded;
    StateTotals totals;
    for (const App& each : after)
        addTo(totals, encoded[each.id] = encodeApp(each));
    std::map<std::string, EncodedChange> changes;
    for (const App& each : before)
        if (!encoded.contains(each.id))
            changes[each.id] = {each.id, nullptr};
    for (const App& each : after)
        if (std::ranges::find(before, each) == before.end())
            changes[each.id] = {each.id, &encoded[each.id]};
    std::vector<EncodedChange> list;
    for (const auto& [id, change] : changes)
        list.push_back(change);
    return encodeTransaction(generation, {.base = base, .observedAtUs = 8, .cause = "change"}, list,
                             totals);
}

std::vector<SamplePayload> payloads() {
    const EncodedApp encoded = encodeApp(app());
    SamplePayload applied = sampleOf("snapshot_applied", MessageType::SnapshotApplied,
                                     snapshotApplied(), decodeSnapshotApplied);
    applied.generation = 42;
    SamplePayload begin = sampleOf("snapshot_begin", MessageType::SnapshotBegin, snapshotBegin(),
                                   decodeSnapshotBegin);
    begin.generation = 42;
    SamplePayload end =
        sampleOf("snapshot_end", MessageType::SnapshotEnd, snapshotEnd(), decodeSnapshotEnd);
    end.generation = 42;
    return {
        sampleOf("hello", MessageType::Hello, hello(), decodeHello),
        sampleOf("ready", MessageType::Ready, ready(), decodeReady),
        {"ping", MessageType::Ping, 0, encodeToken(0x1122334455667788),
         [](PayloadView payload) { return encodeToken(decodeToken(payload)); }},
        {"set_log_level", MessageType::SetLogLevel, 0, encodeLogLevel(LogLevel::Warning),
         [](PayloadView payload) { return encodeLogLevel(decodeLogLevel(payload)); }},
        begin,
        {"snapshot_app", MessageType::SnapshotApp, 42, encoded.app, recodeApp},
        {"snapshot_instances", MessageType::SnapshotInstances, 42, encoded.instances.at(0),
         recodeInstances},
        {"snapshot_removed", MessageType::SnapshotRemoved, 42, encodeRemoved("/gone"),
         [](PayloadView payload) { return encodeRemoved(decodeRemoved(payload)); }},
        end,
        applied,
        sampleOf("status", MessageType::Status, statusReport(), decodeStatusReport),
        {"status_wrapped", MessageType::Status, 0,
         wrapStatus("confd-writer", encode(statusReport())), recodeStatus},
        sampleOf("process_status", MessageType::ProcessStatus, processStatus(),
                 decodeProcessStatus),
        sampleOf("source_status", MessageType::SourceStatus, sourceStatus(), decodeSourceStatus),
    };
}

} // namespace mmsd::protocol::samples
