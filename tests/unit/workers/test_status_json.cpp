// SPDX-License-Identifier: MIT
// Tests of /v1/status.
#include "build_config.h"

#include "protocol/limits.h"
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/status_json.h"

#include <rapidjson/document.h>

#include <string>

using namespace mmsd;
using namespace std::chrono_literals;

namespace {

rapidjson::Document render(const api::ApiState& state, const api::ApiTime& now = {}) {
    const std::string text = api::renderStatus(state, now);
    CAPTURE(text);
    CHECK(text.ends_with("}\n"));
    rapidjson::Document document;
    document.Parse(text.c_str(), text.size());
    REQUIRE_FALSE(document.HasParseError());
    return document;
}

} // namespace

TEST_CASE("status: before anything is known", "[workers][api]") {
    const auto json = render({});
    CHECK(json["version"] == MMSD_VERSION);
    CHECK(json["protocol"].GetUint() == protocol::kProtocolVersion);
    CHECK(json["snapshot"].IsNull());
    CHECK(json["supervisor_generation"].IsNull());
    CHECK(json["watcher"].IsNull());
    CHECK(json["processes"].Empty());
    CHECK(json["refusals"].Empty());
    CHECK(json["problems"].Empty());
}

TEST_CASE("status: says what is known", "[workers][api]") {
    auto app = test::app("/a", {80}, {test::instance("10.0.0.1", {80})});
    app.instances.push_back(app.instances.front());
    app.instances.back().serving = protocol::Serving::Unhealthy;
    app.problems = {{0, "bad \"label\"\n"}, {protocol::kWholeApp, "whole"}};

    api::ApiState state;
    auto snapshot = std::make_shared<protocol::Snapshot>(*test::snapshotOf({app}, 42));
    snapshot->begin.cause = "resync";
    snapshot->begin.observedAtUs = 1'000'000'000;
    state.snapshot = snapshot;
    state.appliedAt = 10s;
    protocol::ProcessInfo watcher;
    watcher.name = "marathon-watcher";
    watcher.phase = protocol::Phase::BackingOff;
    watcher.lastResult = "exit 71";
    protocol::ProcessInfo confd;
    confd.name = "confd-writer";
    confd.pid = 123;
    confd.phase = protocol::Phase::Running;
    confd.generation = 41;
    confd.restarts = 2;
    confd.startedAtUs = 5'000'000;
    confd.appliedAtUs = 9'000'000;
    state.processes = protocol::ProcessStatus{43, {watcher, confd}};
    api::ReceivedReport received;
    received.receivedAt = 11s;
    received.report.metrics = {{"confd_files", protocol::Metric::Kind::Gauge, {{"a", "b"}}, 2.5}};
    received.report.refusals = {{"/x", 1, "taken"}, {"/y", protocol::kWholeApp, "odd"}};
    received.report.omittedRefusals = 7;
    state.reports["confd-writer"] = received;

    const auto json = render(state, {12s, 1'003s});
    const auto& snap = json["snapshot"];
    CHECK(snap["generation"].GetUint64() == 42);
    CHECK(snap["cause"] == "resync");
    CHECK(snap["observed_age_seconds"].GetDouble() == 3.0);
    CHECK(snap["applied_age_seconds"].GetDouble() == 2.0);
    CHECK(snap["apps"].GetUint() == 1);
    CHECK(snap["instances"].GetUint() == 2);
    CHECK(snap["serving_instances"].GetUint() == 1);
    CHECK(json["supervisor_generation"].GetUint64() == 43);

    const auto& processes = json["processes"];
    REQUIRE(processes.Size() == 2);
    CHECK(processes[0]["name"] == "marathon-watcher");
    CHECK(processes[0]["phase"].GetString() == std::string{toString(watcher.phase)});
    CHECK(processes[0]["uptime_seconds"].IsNull());
    CHECK(processes[0]["applied_age_seconds"].IsNull());
    CHECK(processes[0]["report_age_seconds"].IsNull());
    CHECK(processes[0]["last_result"] == "exit 71");
    CHECK(processes[1]["pid"].GetUint() == 123);
    CHECK(processes[1]["generation"].GetUint64() == 41);
    CHECK(processes[1]["restarts"].GetUint() == 2);
    CHECK(processes[1]["uptime_seconds"].GetDouble() == 7.0);
    CHECK(processes[1]["applied_age_seconds"].GetDouble() == 3.0);
    CHECK(processes[1]["report_age_seconds"].GetDouble() == 1.0);
    REQUIRE(processes[1]["metrics"].Size() == 1);
    CHECK(processes[1]["metrics"][0]["name"] == "confd_files");
    CHECK(processes[1]["metrics"][0]["labels"]["a"] == "b");
    CHECK(processes[1]["metrics"][0]["value"].GetDouble() == 2.5);

    REQUIRE(json["refusals"].Size() == 2);
    CHECK(json["refusals"][0]["process"] == "confd-writer");
    CHECK(json["refusals"][0]["app"] == "/x");
    CHECK(json["refusals"][0]["port_index"].GetUint() == 1);
    CHECK(json["refusals"][1]["port_index"].IsNull());
    CHECK(json["refusals_omitted"].GetUint() == 7);
    REQUIRE(json["problems"].Size() == 2);
    CHECK(json["problems"][0]["text"] == "bad \"label\"\n");
    CHECK(json["problems"][1]["port_index"].IsNull());
    CHECK(json["problems_omitted"].GetUint() == 0);
}

TEST_CASE("status: how the watcher stands with Marathon", "[workers][api]") {
    using enum protocol::Metric::Kind;
    api::ApiState state;
    protocol::StatusReport& report = state.reports["marathon-watcher"].report;
    report.metrics = {{"source_connected", Gauge, {}, 1},
                      {"state_stale", Gauge, {}, 0},
                      {"source_last_confirmed_timestamp_seconds", Gauge, {}, 1000.5}};
    {
        const auto json = render(state, {0s, 1002s});
        CHECK(json["watcher"]["connected"].GetBool());
        CHECK_FALSE(json["watcher"]["state_stale"].GetBool());
        CHECK(json["watcher"]["state_confirmed_age_seconds"].GetDouble() == 1.5);
    }
    report.metrics.clear();
    const auto json = render(state);
    CHECK_FALSE(json["watcher"]["connected"].GetBool());
    CHECK(json["watcher"]["state_stale"].GetBool());
    CHECK(json["watcher"]["state_confirmed_age_seconds"].IsNull());
}

TEST_CASE("status: the list of problems is bounded", "[workers][api]") {
    auto app = test::app("/a", {80});
    app.problems.assign(api::kMaxListedProblems + 3, {0, "x"});
    api::ApiState state;
    state.snapshot = test::snapshotOf({app});
    const auto json = render(state);
    CHECK(json["problems"].Size() == api::kMaxListedProblems);
    CHECK(json["problems_omitted"].GetUint() == 3);
}
