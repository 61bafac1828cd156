// SPDX-License-Identifier: MIT
// Tests of the balancer's metrics.
#include "protocol/limits.h"
#include "tests/support/catch.h"
#include "workers/udp-balancer/udp_report.h"

#include <algorithm>

using namespace mmsd;
using namespace mmsd::udp;
using protocol::Metric;

namespace {

double value(const std::vector<Metric>& metrics, std::string_view name,
             const std::string& reason = "") {
    const auto found = std::ranges::find_if(metrics, [&](const Metric& metric) {
        return metric.name == name && (reason.empty() || metric.labels.back().second == reason);
    });
    return found != metrics.end() ? found->value : -1;
}

} // namespace

TEST_CASE("udp report: sums and services", "[udp][report]") {
    ServiceReport a{"/a", 53, {}, 5, 3, 1};
    a.counters.datagramsIn = 10;
    a.counters.drop(Drop::NoInstance, 2);
    ServiceReport b{"/b", 54, {}, 0, 4, 0};
    b.counters.datagramsIn = 20;
    Counters retired;
    retired.datagramsIn = 100;
    const auto metrics = renderMetrics(std::vector{a, b}, retired, 1'000);

    CHECK(value(metrics, "udp_services") == 2);
    CHECK(value(metrics, "udp_services_untold") == 0);
    CHECK(value(metrics, "udp_sessions") == 7);
    CHECK(value(metrics, "udp_session_capacity") == 1'000);
    CHECK(value(metrics, "udp_sessions_evicted_total") == 1);
    CHECK(value(metrics, "udp_datagrams_in_total") == 130);
    CHECK(value(metrics, "udp_datagrams_dropped_total", "no_instance") == 2);
    CHECK(value(metrics, "udp_datagrams_dropped_total", "queue_overflow") == 5);
    CHECK(value(metrics, "udp_datagrams_dropped_total", "too_large") == 0);
    CHECK(value(metrics, "udp_service_datagrams_in_total") == 10);
    CHECK(value(metrics, "udp_service_datagrams_dropped_total", "no_instance") == 2);
    CHECK(value(metrics, "udp_service_datagrams_dropped_total", "too_large") == -1);
}

TEST_CASE("udp report: is bounded and leaves place for refusals", "[udp][report]") {
    std::vector<ServiceReport> services;
    for (std::uint16_t port = 1; port <= 2'000; ++port)
        services.push_back({"/" + std::string(200, 'x'), port, {}, 0, 0, 0});
    protocol::StatusReport report;
    report.metrics = renderMetrics(services, {}, 1);
    for (int i = 0; i < 50; ++i)
        report.refusals.push_back({"/a", 0, "a reason"});
    const double untold = value(report.metrics, "udp_services_untold");
    CHECK(untold > 0);
    CHECK(untold < 2'000);
    const auto decoded = protocol::decodeStatusReport(protocol::encode(report));
    CHECK(decoded.metrics.size() == report.metrics.size());
    CHECK(decoded.refusals.size() == 50);
}
