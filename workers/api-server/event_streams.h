// SPDX-License-Identifier: MIT
// EventStreams: the readers of /v1/events.
#pragma once

#include "common/timer.h"
#include "workers/api-server/event_log.h"
#include "workers/api-server/http_connection.h"
#include "workers/api-server/route.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mmsd::api {

/** The head of an event stream; `app`. */
[[nodiscard]] HttpResponse openEvents(const Inquiry& inquiry, const ApiState& state,
                                      const ApiTime& now);

/** Owns the events, borrows the connections that stream. Texts are shared among the readers, and
 *  one who falls behind is let go. */
class EventStreams {
public:
    /** So that clients and what stands between them and us know that we are there. */
    static constexpr std::chrono::seconds kHeartbeat{15};
    /** Octets that may wait for one reader. */
    static constexpr std::size_t kMaxBacklog = std::size_t{1} << 20;

    /** @param epoch tells this process from others that were or will be, see EventLog */
    EventStreams(TimerFactory& timers, std::string epoch);

    /** Begins a stream as the answer to @p connection's request.
     *  @param head        of the response
     *  @param lastEventId what the client has read, "" = nothing */
    void open(HttpConnection& connection, const PreparedResponsePtr& head, const Inquiry& inquiry,
              std::string_view lastEventId);
    /** The client has gone. */
    void remove(HttpConnection& connection) noexcept { readers_.erase(&connection); }

    /** Tells all readers. @param isFirst nothing was there before */
    void onSnapshot(const std::vector<AppChange>& changes, bool isFirst,
                    const protocol::Snapshot& after, const ApiTime& now);
    /** Ends all streams. */
    void close();

    [[nodiscard]] std::size_t size() const noexcept { return readers_.size(); }
    /** Readers that were let go because they fell behind. */
    [[nodiscard]] std::uint64_t droppedCount() const noexcept { return droppedCount_; }

private:
    /** @param textFor by what a reader follows; may return null */
    void send(const std::function<SharedText(const std::string& prefix)>& textFor);
    void beat();

    EventLog log_;
    std::unordered_map<HttpConnection*, std::string> readers_; ///< with what they follow
    std::uint64_t droppedCount_ = 0;
    std::unique_ptr<Timer> timer_;
};

} // namespace mmsd::api
