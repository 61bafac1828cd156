// SPDX-License-Identifier: MIT
// Source: where apps come from, and what it tells of itself.
#pragma once

#include "daemon/marathon/marathon_app.h"
#include "protocol/control_messages.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace mmsd::marathon {

/** What a source has seen since the start, for metrics. */
struct SourceCounters {
    using Pairs = std::map<std::pair<std::string, std::string>, std::uint64_t>;

    std::map<std::string, std::uint64_t> events; ///< by type
    Pairs requests; ///< by what was asked for (stream, apps, app; file) and result
    Pairs failures; ///< by what was asked for and Failure
    std::uint64_t malformedEvents = 0;
    std::uint64_t streamsOpened = 0;
    std::uint64_t resyncs = 0;              ///< whole answers taken
    std::uint64_t driftedApps = 0;          ///< changes that a resync found and no event told of
    std::size_t dirtyApps = 0;              ///< now
    std::optional<WallTime> lastStreamByte; ///< heartbeats count
};

/** Hears how a source fares. */
class SourceListener {
public:
    virtual ~SourceListener() = default;
    virtual void onSourceStatus(const protocol::SourceStatus& status) = 0;
    /** A whole answer was taken. */
    virtual void onSynchronized() = 0;
};

/** A Marathon or a file. Feeds a StateKeeper. */
class Source {
public:
    virtual ~Source() = default;
    virtual void start() = 0;
    /** Takes everything anew. @param why for the log and the snapshot's cause */
    virtual void resync(const std::string& why) = 0;
    [[nodiscard]] virtual const SourceCounters& counters() const = 0;
};

} // namespace mmsd::marathon
