// SPDX-License-Identifier: MIT
// Single values of processes' reports, by name. Pure.
#include "workers/api-server/report_values.h"

#include <algorithm>

namespace mmsd::api {

namespace {

/** The age of an instant that a report names in seconds since 1970; 0 = never. */
std::optional<double> ageOf(const protocol::StatusReport& report, std::string_view name,
                            const ApiTime& now) {
    const double then = metricValue(report, name).value_or(0);
    if (then <= 0)
        return std::nullopt;
    return std::max(std::chrono::duration<double>{now.realtime}.count() - then, 0.0);
}

} // namespace

bool isTwin(std::string_view process) noexcept {
    const std::string_view number = process.substr(process.rfind('-') + 1);
    return process.size() > number.size() &&
           std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<double> metricValue(const protocol::StatusReport& report,
                                  std::string_view name) noexcept {
    const auto found = std::ranges::find_if(report.metrics, [name](const protocol::Metric& each) {
        return each.name == name && each.labels.empty();
    });
    return found == report.metrics.end() ? std::nullopt : std::optional{found->value};
}

std::optional<SourceView> sourceView(const ApiState& state, const ApiTime& now) {
    const auto received = state.reports.find(kWatcher);
    if (received == state.reports.end())
        return std::nullopt;
    const protocol::StatusReport& report = received->second.report;
    SourceView view;
    const auto info = std::ranges::find(report.metrics, "source_info", &protocol::Metric::name);
    if (info != report.metrics.end())
        for (const auto& [name, value] : info->labels) {
            if (name == "state")
                view.state = value;
            else if (name == "text")
                view.text = value;
        }
    view.isConnected = metricValue(report, "source_connected").value_or(0) != 0;
    view.isStale = metricValue(report, "state_stale").value_or(1) != 0;
    view.confirmedAge = ageOf(report, "source_last_confirmed_timestamp_seconds", now);
    view.lastByteAge = ageOf(report, "stream_last_byte_timestamp_seconds", now);
    view.reportAge = secondsBetween(received->second.receivedAt, now.monotonic);
    return view;
}

double secondsBetween(std::chrono::microseconds then, std::chrono::microseconds now) noexcept {
    return std::max(std::chrono::duration<double>{now - then}.count(), 0.0);
}

} // namespace mmsd::api
