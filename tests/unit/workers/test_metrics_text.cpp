// SPDX-License-Identifier: MIT
// Tests of the text for Prometheus.
#include "build_config.h"

#include "protocol/limits.h"
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/metric_families.h"
#include "workers/api-server/metrics_text.h"

#include <string>

using namespace mmsd;
using namespace std::chrono_literals;
using enum protocol::Metric::Kind;

namespace {

bool hasLine(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::size_t countOf(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

} // namespace

TEST_CASE("metrics: families have one head, and samples their labels", "[workers][api]") {
    api::MetricFamilies families;
    families.add("b_total", api::FamilyType::Counter, {{"process", "x"}}, 3);
    families.add("a", api::FamilyType::Gauge, {}, 0.25);
    families.add("b_total", api::FamilyType::Counter, {{"process", "y"}, {"k", "a\"b\\c\nd"}}, 4);
    families.add("b_total", api::FamilyType::Counter, {{"process", "x"}}, 9); // once only
    families.add("b_total", api::FamilyType::Gauge, {{"process", "z"}}, 9);   // another type
    families.add("ready", api::FamilyType::Gauge, {}, 1e18);
    CHECK(families.toText() == "# HELP mmsd_a Reported by the process.\n# TYPE mmsd_a gauge\n"
                               "mmsd_a 0.25\n"
                               "# HELP mmsd_b_total Reported by the process.\n"
                               "# TYPE mmsd_b_total counter\n"
                               "mmsd_b_total{process=\"x\"} 3\n"
                               "mmsd_b_total{process=\"y\",k=\"a\\\"b\\\\c\\nd\"} 4\n"
                               "# HELP mmsd_ready 1 if /readyz says ready.\n"
                               "# TYPE mmsd_ready gauge\nmmsd_ready 1e+18\n");
}

TEST_CASE("metrics: reports, processes, refusals, histograms", "[workers][api]") {
    api::ApiState state;
    state.snapshot = test::snapshotOf({test::app("/a", {80})}, 5);
    protocol::ProcessInfo confd;
    confd.name = "confd-writer";
    confd.pid = 9;
    confd.phase = protocol::Phase::Running;
    confd.generation = 4;
    confd.restarts = 2;
    confd.startedAtUs = 90'000'000;
    state.processes = protocol::ProcessStatus{5, {confd}};
    protocol::StatusReport& report = state.reports["confd-writer"].report;
    state.reports["confd-writer"].receivedAt = 98s;
    report.metrics = {{"confd_files", Gauge, {}, 3},
                      {"confd_writes_total", Counter, {{"kind", "new"}}, 17},
                      {"source_info", Gauge, {{"text", "free"}}, 1},
                      {"convergence_seconds_bucket", Counter, {{"le", "0.5"}}, 1},
                      {"convergence_seconds_bucket", Counter, {{"le", "+Inf"}}, 2},
                      {"convergence_seconds_sum", Counter, {}, 1.5},
                      {"convergence_seconds_count", Counter, {}, 2}};
    report.refusals = {{"/a", 0, "x", protocol::RefusalRule::Conflict},
                       {"/a", 0, "y", protocol::RefusalRule::Conflict},
                       {"/a", 1, "z", protocol::RefusalRule::InvalidValue, true}};
    report.omittedRefusals = 6;
    const std::string text = renderMetrics(state, {100s, 1'000s});
    INFO(text);
    CHECK(hasLine(text, "mmsd_build_info{version=\"" MMSD_VERSION "\",protocol=\"" +
                            std::to_string(protocol::kProtocolVersion) + "\"} 1"));
    CHECK(hasLine(text, "mmsd_ready 0"));
    CHECK(hasLine(text, "mmsd_generation 5"));
    CHECK(hasLine(text, "mmsd_confd_files{process=\"confd-writer\"} 3"));
    CHECK(hasLine(text, "mmsd_confd_writes_total{process=\"confd-writer\",kind=\"new\"} 17"));
    CHECK(hasLine(text, "mmsd_process_phase{process=\"confd-writer\",phase=\"running\"} 1"));
    CHECK(hasLine(text, "mmsd_process_phase{process=\"confd-writer\",phase=\"backing_off\"} 0"));
    CHECK(hasLine(text, "mmsd_process_restarts_total{process=\"confd-writer\"} 2"));
    CHECK(hasLine(text, "mmsd_process_generation{process=\"confd-writer\"} 4"));
    CHECK(hasLine(text, "mmsd_process_start_time_seconds{process=\"confd-writer\"} 990"));
    CHECK(hasLine(text, "mmsd_report_age_seconds{process=\"confd-writer\"} 2"));
    CHECK(hasLine(text, "mmsd_refusals{process=\"confd-writer\",rule=\"conflict\","
                        "partial=\"false\"} 2"));
    CHECK(hasLine(text, "mmsd_refused_ports{process=\"confd-writer\",rule=\"conflict\"} 1"));
    CHECK(hasLine(text, "mmsd_refusals_omitted{process=\"confd-writer\"} 6"));
    CHECK(hasLine(text, "# TYPE mmsd_convergence_seconds histogram"));
    CHECK(hasLine(text, "mmsd_convergence_seconds_bucket{process=\"confd-writer\",le=\"+Inf\"} 2"));
    CHECK(hasLine(text, "mmsd_convergence_seconds_sum{process=\"confd-writer\"} 1.5"));
    CHECK(countOf(text, "# TYPE mmsd_convergence_seconds") == 1);
    CHECK(countOf(text, "free") == 0);
    CHECK(countOf(text, "# HELP") == countOf(text, "# TYPE"));
}

TEST_CASE("metrics: nothing is known", "[workers][api]") {
    const std::string text = api::renderMetrics({}, {});
    CHECK(hasLine(text, "mmsd_ready 0"));
    CHECK(countOf(text, "mmsd_generation") == 0);
}
