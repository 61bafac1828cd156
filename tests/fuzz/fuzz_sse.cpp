// SPDX-License-Identifier: MIT
// Fuzzes the parser of server-sent events: however the stream is cut, the events are the same.
#include "daemon/marathon/sse_parser.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using mmsd::marathon::SseParser;

/** Small, so that short inputs reach it. */
constexpr std::size_t kLimit = 200;

/** All that the owner is told, as one text. */
std::string eventsOf(std::string_view stream, std::size_t step) {
    std::string events;
    SseParser parser{
        {.onEvent =
             [&](std::string_view name, std::string_view data) {
                 if (name.size() + data.size() > 2 * kLimit)
                     std::abort();
                 events.append("event ").append(name).append("\0", 1).append(data).append("\0", 1);
             },
         .onOversized = [&] { events.append("oversized").append("\0", 1); }},
        kLimit};
    for (std::size_t at = 0; at < stream.size(); at += step)
        parser.feed(stream.substr(at, step));
    return events;
}

} // namespace

/** The first octet is how many octets come at once. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::string_view stream{reinterpret_cast<const char*>(data + 1), size - 1};
    const std::string whole = eventsOf(stream, std::max<std::size_t>(stream.size(), 1));
    if (eventsOf(stream, 1) != whole || eventsOf(stream, data[0] + 1u) != whole)
        std::abort();
    return 0;
}
