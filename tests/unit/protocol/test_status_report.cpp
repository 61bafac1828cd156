// SPDX-License-Identifier: MIT
// Tests of the codec of status reports.
#include "protocol/control_messages.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "tests/support/catch.h"
#include "tests/unit/protocol/samples.h"

#include <limits>
#include <string>

namespace mmsd::protocol {

TEST_CASE("status report: comes back as it went", "[protocol][status]") {
    const StatusReport report = decodeStatusReport(encode(samples::statusReport()));
    REQUIRE(report.metrics.size() == 2);
    const Metric& counter = report.metrics[0];
    CHECK(counter.name == "files_written_total");
    CHECK(counter.kind == Metric::Kind::Counter);
    CHECK(counter.value == 17);
    REQUIRE(counter.labels.size() == 2);
    CHECK(counter.labels[1].first == "folder");
    CHECK(counter.labels[1].second == "a\"b");
    CHECK(report.metrics[1].kind == Metric::Kind::Gauge);
    CHECK(report.metrics[1].value == 0.25);
    REQUIRE(report.refusals.size() == 2);
    CHECK(report.refusals[0].appId == "/a");
    CHECK(report.refusals[0].portIndex == 1);
    CHECK(report.refusals[0].reason == "port in use");
    CHECK(report.refusals[0].rule == RefusalRule::PortBusy);
    CHECK_FALSE(report.refusals[0].isPartial);
    CHECK(report.refusals[1].portIndex == kWholeApp);
    CHECK(report.refusals[1].rule == RefusalRule::InvalidValue);
    CHECK(report.refusals[1].isPartial);
    CHECK(report.omittedRefusals == 5);
}

TEST_CASE("status report: metric names are checked on both sides", "[protocol][status]") {
    StatusReport report;
    report.metrics.resize(1);
    for (const char* name : {"", "Up", "9lives", "_x", "a-b", "a b", "ü"}) {
        report.metrics[0].name = name;
        CHECK_THROWS_AS(encode(report), ProtocolError);
    }
    report.metrics[0].name = "a";
    Payload payload = encode(report);
    payload[10] = std::byte{'A'};
    CHECK_THROWS_AS(decodeStatusReport(payload), ProtocolError);
    report.metrics[0].labels = {{"Bad", "x"}};
    CHECK_THROWS_AS(encode(report), ProtocolError);
}

TEST_CASE("status report: values are finite", "[protocol][status]") {
    StatusReport report;
    report.metrics.resize(1);
    report.metrics[0].name = "a";
    report.metrics[0].value = -1e300;
    CHECK(decodeStatusReport(encode(report)).metrics[0].value == -1e300);
    for (const double value :
         {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
        report.metrics[0].value = value;
        CHECK_THROWS_AS(encode(report), ProtocolError);
    }
}

TEST_CASE("status report: what does not fit is left out and counted", "[protocol][status]") {
    StatusReport report = samples::statusReport();
    const Refusal refusal{.appId = "/a", .portIndex = 0, .reason = std::string(200, 'x')};
    report.refusals.assign(1'000, refusal);
    const Payload payload = encode(report);
    CHECK(payload.size() <= kMaxStatusReport);
    CHECK(payload.size() > kMaxStatusReport - 300);
    const StatusReport decoded = decodeStatusReport(payload);
    CHECK(decoded.metrics.size() == 2);
    CHECK(decoded.refusals.size() < 1'000);
    CHECK(decoded.refusals.size() + decoded.omittedRefusals == 1'005);

    // Metrics before refusals.
    report.metrics.assign(kMaxMetrics,
                          {.name = "a", .labels = {{"b", std::string(100, 'x')}}, .value = 1});
    const StatusReport full = decodeStatusReport(encode(report));
    CHECK(full.metrics.size() > 400);
    CHECK(full.refusals.empty());
    CHECK(full.omittedRefusals == 1'005);
}

TEST_CASE("status report: an app may be refused for its id", "[protocol][status]") {
    const StatusReport report{
        .metrics = {},
        .refusals = {{.appId = "/" + std::string(kMaxAppId, 'x'), .reason = "too long"},
                     {.appId = "/a\n", .reason = "odd id"}}};
    const StatusReport decoded = decodeStatusReport(encode(report));
    CHECK(decoded.refusals.at(0).appId.size() <= kMaxAppId);
    CHECK(decoded.refusals.at(1).appId == "/a\\n");
}

TEST_CASE("status report: the supervisor wraps it undecoded", "[protocol][status]") {
    const Payload report = encode(samples::statusReport());
    const Payload wrapped = wrapStatus("dns-server", report);
    const auto [process, rest] = unwrapStatus(wrapped);
    CHECK(process == "dns-server");
    CHECK(Payload{rest.begin(), rest.end()} == report);

    CHECK_NOTHROW(wrapStatus("x", Payload(kMaxStatusReport)));
    CHECK_THROWS_AS(wrapStatus("x", Payload(kMaxStatusReport + 1)), ProtocolError);
    CHECK_THROWS_AS(wrapStatus(std::string(kMaxProcessName + 1, 'x'), report), ProtocolError);
    CHECK_THROWS_AS(decodeStatusReport(Payload(kMaxStatusReport + 1)), ProtocolError);
}

} // namespace mmsd::protocol
