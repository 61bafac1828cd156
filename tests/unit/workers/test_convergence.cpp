// SPDX-License-Identifier: MIT
// Tests of the histogram of convergence times.
#include "tests/support/catch.h"
#include "workers/runtime/convergence.h"

#include <cmath>
#include <string>

using namespace mmsd;
using namespace std::chrono_literals;

TEST_CASE("convergence: buckets are cumulative", "[workers][runtime]") {
    worker::ConvergenceHistogram histogram;
    for (const auto time : {std::chrono::microseconds{5'000}, std::chrono::microseconds{5'001},
                            std::chrono::microseconds{31s}, std::chrono::microseconds{-1s}})
        histogram.observe(time);
    std::vector<protocol::Metric> metrics;
    histogram.appendMetrics(metrics);
    REQUIRE(metrics.size() == 15);
    const auto bucket = [&metrics](const std::string& bound) {
        for (const protocol::Metric& metric : metrics)
            if (!metric.labels.empty() && metric.labels[0].second == bound)
                return metric.value;
        return -1.0;
    };
    CHECK(bucket("0.005") == 2); // the bound belongs to its bucket, and time never runs back
    CHECK(bucket("0.01") == 3);
    CHECK(bucket("30") == 3);
    CHECK(bucket("+Inf") == 4);
    CHECK(metrics[13].name == "convergence_seconds_sum");
    CHECK(std::abs(metrics[13].value - 31.010001) < 1e-9);
    CHECK(metrics[14].name == "convergence_seconds_count");
    CHECK(metrics[14].value == 4);
}
