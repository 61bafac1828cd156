// SPDX-License-Identifier: MIT
// What the API answers from. Plain values.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/state.h"
#include "workers/api-server/view_options.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace mmsd::api {

/** Both clocks at one moment. */
struct ApiTime {
    std::chrono::microseconds monotonic{0}; ///< CLOCK_MONOTONIC, as in ProcessInfo
    std::chrono::microseconds realtime{0};  ///< CLOCK_REALTIME, since 1970
};

/** A process's last report and when it came. */
struct ReceivedReport {
    protocol::StatusReport report;
    std::chrono::microseconds receivedAt{0}; ///< monotonic
};

struct ApiState {
    std::shared_ptr<const protocol::Snapshot> snapshot;         ///< null before the first
    std::chrono::microseconds appliedAt{0};                     ///< monotonic
    std::optional<protocol::ProcessStatus> processes;           ///< nothing before the first
    std::chrono::microseconds processesAt{0};                   ///< monotonic; at first the start
    std::map<std::string, ReceivedReport, std::less<>> reports; ///< by process name
    /** Since when (monotonic) a worker has not come further although a newer state is known. */
    std::map<std::string, std::chrono::microseconds, std::less<>> behindSince;
    std::map<std::string, std::uint64_t, std::less<>> lastGeneration; ///< for behindSince
    ViewOptions options;
};

} // namespace mmsd::api
