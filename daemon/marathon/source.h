// SPDX-License-Identifier: MIT
// Source: where apps come from, and what it tells of itself.
#pragma once

#include "protocol/control_messages.h"

#include <cstdint>
#include <map>
#include <string>

namespace mmsd::marathon {

/** What a source has seen since the start, for metrics. */
struct SourceCounters {
    std::map<std::string, std::uint64_t> events;   ///< by type
    std::map<std::string, std::uint64_t> requests; ///< by result
    std::uint64_t malformedEvents = 0;
    std::uint64_t streamsOpened = 0;
    std::size_t dirtyApps = 0;
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
