// SPDX-License-Identifier: MIT
// Marathon's events, as far as they say what to fetch anew. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::marathon {

/** What an event means for what is known. Events are hints: the truth is fetched. */
enum class EventEffect : std::uint8_t {
    None,
    Apps,           ///< the named apps (or pods) may have changed
    Everything,     ///< any app may have changed
    EverythingSoon, ///< the same, but other events will name most of them: no hurry
};

struct Event {
    std::string type; ///< the name from the JSON, if it is one that we know, else "other"
    EventEffect effect = EventEffect::None;
    std::vector<std::string> appIds;
};

/** Types that have an effect: what the stream is asked to send. */
[[nodiscard]] std::span<const std::string_view> wantedEventTypes() noexcept;

/** Reads the data of one server-sent event. `eventType` inside the JSON is trusted, not the
 *  stream's own field, which Marathon < 0.11 does not send; several documents in one event count
 *  one by one.
 *  @throws JsonError if any of it is no JSON */
[[nodiscard]] std::vector<Event> parseEvents(std::string_view data);

} // namespace mmsd::marathon
