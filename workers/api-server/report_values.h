// SPDX-License-Identifier: MIT
// Single values of processes' reports, by name. Pure.
#pragma once

#include "workers/api-server/api_state.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::api {

inline constexpr std::string_view kWatcher = "marathon-watcher";

/** How the watcher stands with its source, as its report says. */
struct SourceView {
    std::string state; ///< "connecting", "connected", "unreachable"
    std::string text;  ///< which master or file, or what failed
    bool isConnected = false;
    bool isStale = true;                  ///< nothing confirmed since the watcher's start
    std::optional<double> confirmedAge{}; ///< seconds; nothing = never
    std::optional<double> lastByteAge{};  ///< seconds, of the event stream; nothing = no stream
    double reportAge = 0;                 ///< seconds
};

/** True for the second and further processes of a worker ("dns-server-2"): they refuse what the
 *  first one refuses. */
[[nodiscard]] bool isTwin(std::string_view process) noexcept;

/** The value of a metric without labels; nothing if it is not reported. */
[[nodiscard]] std::optional<double> metricValue(const protocol::StatusReport& report,
                                                std::string_view name) noexcept;

/** Nothing before the watcher's first report. */
[[nodiscard]] std::optional<SourceView> sourceView(const ApiState& state, const ApiTime& now);

/** Seconds from @p then to @p now, at least 0. */
[[nodiscard]] double secondsBetween(std::chrono::microseconds then,
                                    std::chrono::microseconds now) noexcept;

} // namespace mmsd::api
