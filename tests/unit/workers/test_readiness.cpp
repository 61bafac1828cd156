// SPDX-License-Identifier: MIT
// Tests of readiness and health, and of the texts that tell them.
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/probes.h"
#include "workers/api-server/readiness.h"
#include "workers/api-server/report_values.h"

#include <string>

using namespace mmsd;
using namespace std::chrono_literals;
using protocol::Phase;

namespace {

constexpr api::ApiTime kNow{1'000s, 2'000'000s};

protocol::ProcessInfo process(const std::string& name, std::uint64_t generation) {
    protocol::ProcessInfo info;
    info.name = name;
    info.pid = 7;
    info.phase = Phase::Running;
    info.generation = generation;
    info.startedAtUs = 900'000'000;
    info.lastResult = "applied";
    return info;
}

void setSource(api::ApiState& state, const std::string& name, const std::string& text,
               double confirmedAge, double byteAge) {
    using enum protocol::Metric::Kind;
    const double now = std::chrono::duration<double>{kNow.realtime}.count();
    state.reports["marathon-watcher"] = {
        {.metrics = {{"source_info", Gauge, {{"state", name}, {"text", text}}, 1},
                     {"source_connected", Gauge, {}, name == "connected" ? 1.0 : 0.0},
                     {"state_stale", Gauge, {}, 0},
                     {"source_last_confirmed_timestamp_seconds", Gauge, {}, now - confirmedAge},
                     {"stream_last_byte_timestamp_seconds", Gauge, {}, now - byteAge}},
         .refusals = {}},
        kNow.monotonic - 1s};
}

/** A node where all is well. */
api::ApiState goodState() {
    api::ApiState state;
    state.snapshot = test::snapshotOf({test::app("/a", {80})}, 5);
    state.processes =
        protocol::ProcessStatus{5, {process("marathon-watcher", 0), process("confd-writer", 5)}};
    state.processesAt = kNow.monotonic - 1s;
    setSource(state, "connected", "http://m1:8080", 12, 3);
    state.reports["confd-writer"].receivedAt = kNow.monotonic - 1s;
    return state;
}

/** "code: text" of all reasons why not. */
std::vector<std::string> reasons(const api::ApiState& state) {
    std::vector<std::string> texts;
    for (const api::Reason& reason : assessReadiness(state, kNow).reasons)
        texts.push_back(std::string{reason.code} + ": " + reason.text);
    return texts;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("readiness: a good node is ready", "[workers][api]") {
    CHECK(reasons(goodState()).empty());
    CHECK(assessReadiness(goodState(), kNow).notes.empty());
    CHECK(api::confirmationLimit(60s) == 160s);
}

TEST_CASE("readiness: nothing is known", "[workers][api]") {
    CHECK(reasons({}) == Texts{"no_state: no state from Marathon yet",
                               "no_report: no report from the watcher yet",
                               "no_supervisor: the supervisor has not said which processes there "
                               "are"});
}

TEST_CASE("readiness: the state must have been confirmed lately", "[workers][api]") {
    auto state = goodState();
    setSource(state, "connected", "http://m1:8080", 159, 3);
    CHECK(reasons(state).empty());
    setSource(state, "connected", "http://m1:8080", 161, 3);
    CHECK(reasons(state) ==
          Texts{"unconfirmed: last confirmed 2 min 41 s ago, more than 2 min 40 s"});
    state.options.resyncInterval = 10min;
    CHECK(reasons(state).empty());

    // The text names Marathon's failure, too, once it matters.
    setSource(state, "unreachable", "m1: Connection refused", 100, 90);
    CHECK(reasons(state).empty());
    REQUIRE(assessReadiness(state, kNow).notes.size() == 1);
    CHECK(assessReadiness(state, kNow).notes[0].code == "unreachable");
    state.options.resyncInterval = 10s;
    CHECK(reasons(state) ==
          Texts{"unconfirmed: last confirmed 100 s ago, more than 35 s",
                "unreachable: Marathon is unreachable, its last word came 90 s ago: m1: "
                "Connection refused"});
}

TEST_CASE("readiness: the state of an earlier run is not ready", "[workers][api]") {
    auto state = goodState();
    auto& metrics = state.reports["marathon-watcher"].report.metrics;
    metrics = {
        {"state_stale", protocol::Metric::Kind::Gauge, {}, 1},
        {"source_info", protocol::Metric::Kind::Gauge, {{"state", "connecting"}, {"text", ""}}, 1}};
    CHECK(reasons(state) == Texts{"stale: the state is that of an earlier run; not confirmed "
                                  "since the watcher started",
                                  "unreachable: not connected to Marathon"});
}

TEST_CASE("readiness: every enabled process must run", "[workers][api]") {
    auto state = goodState();
    protocol::ProcessInfo& confd = state.processes->processes[1];
    confd.phase = Phase::BackingOff;
    confd.lastResult = "exit status 71";
    CHECK(reasons(state) == Texts{"process: confd-writer is backing_off: exit status 71"});
    confd.phase = Phase::Stopped;
    CHECK(reasons(state).size() == 1);
    // A restart takes milliseconds.
    confd.phase = Phase::Starting;
    confd.startedAtUs = 999'000'000;
    CHECK(reasons(state).empty());
    CHECK(assessReadiness(state, kNow).notes.size() == 1);
    confd.startedAtUs = 980'000'000;
    CHECK(reasons(state).size() == 1);
    confd.phase = Phase::Running;
    confd.lastResult = "rejected: HAProxy is down";
    CHECK(reasons(state) == Texts{"rejected: confd-writer: rejected: HAProxy is down"});
}

TEST_CASE("readiness: a worker that does not come further", "[workers][api]") {
    auto state = goodState();
    state.processes->generation = 7;
    trackLag(state, 900s);
    state.processes->processes[1].generation = 6;
    trackLag(state, 990s); // it came further
    CHECK(reasons(state).empty());
    trackLag(state, 999s);
    CHECK(reasons(state).empty()); // 10 s
    auto later = kNow;
    later.monotonic = 1'006s;
    REQUIRE(assessReadiness(state, later).reasons.size() == 1);
    CHECK(assessReadiness(state, later).reasons[0].text ==
          "confd-writer has generation 6 in force, 7 is known, for 16 s");
    state.processes->processes[1].generation = 7;
    trackLag(state, 1'006s);
    CHECK(assessReadiness(state, later).isReady());
}

TEST_CASE("readiness: a process that says nothing", "[workers][api]") {
    auto state = goodState();
    state.reports["confd-writer"].receivedAt = kNow.monotonic - 50s;
    CHECK(reasons(state) == Texts{"no_report: no report from confd-writer for 50 s"});
}

TEST_CASE("probes: text and JSON, 200 and 503", "[workers][api]") {
    api::Inquiry text;
    text.mediaType = api::kTextType;
    api::Inquiry json;
    json.mediaType = api::kJsonType;
    auto state = goodState();
    CHECK(readyz(text, state, kNow).status == 200);
    CHECK(readyz(text, state, kNow).body == "ready\n");
    CHECK(healthz(text, state, kNow).body == "ok\n");
    CHECK(readyz(json, state, kNow).body ==
          "{\"ready\":true,\"reasons\":[],\"notes\":[],\"generation\":5,"
          "\"confirmed_age_seconds\":12,\"confirmed_limit_seconds\":160,"
          "\"last_byte_age_seconds\":3}\n");
    state.processes->processes[1].phase = Phase::BackingOff;
    CHECK(readyz(text, state, kNow).status == 503);
    CHECK(readyz(text, state, kNow).body == "not ready\nconfd-writer is backing_off: applied\n");
    CHECK(readyz(json, state, kNow).status == 503);
    CHECK(readyz(json, state, kNow)
              .body.starts_with("{\"ready\":false,\"reasons\":[{\"code\":\"process\",\"process\":"
                                "\"confd-writer\",\"text\":"));
    CHECK(healthz(text, state, kNow).status == 200); // not this process's fault
    state.processesAt = kNow.monotonic - 31s;
    CHECK(healthz(text, state, kNow).status == 503);
    CHECK(healthz(text, state, kNow).body == "not ok\nno word from the supervisor for 31 s\n");
    CHECK(healthz(json, state, kNow).body.starts_with("{\"ok\":false,"));
}
