// SPDX-License-Identifier: MIT
// SseParser: server-sent events out of a stream of bytes. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace mmsd::marathon {

/** Parses the event stream format. Source: WHATWG HTML, section 9.2.6. `id` and `retry` are
 *  ignored: Marathon replays nothing, and the watcher has a back-off of its own. */
class SseParser {
public:
    /** Octets of one event: heavy deployment plans (Marathon <= 1.6) put the whole root group on
     *  one line, twice; a full fetch is cheaper than a plan larger than this. */
    static constexpr std::size_t kMaxEvent = 16u << 20;

    /** What the stream's owner is told; the arguments are borrowed. */
    struct Handler {
        /** An event with data. @param name from its `event` field, may be empty */
        std::function<void(std::string_view name, std::string_view data)> onEvent;
        /** An event was larger than the limit and is dropped. */
        std::function<void()> onOversized;
    };

    explicit SseParser(Handler handler, std::size_t limit = kMaxEvent)
        : handler_{std::move(handler)}, limit_{limit} {}

    /** Takes the next bytes, cut anywhere. What callbacks throw comes out. */
    void feed(std::string_view chunk);

private:
    void endLine();
    void takeField(std::string_view line);
    void dispatch();
    void append(std::string_view part);

    Handler handler_;
    std::size_t limit_;
    std::string line_;
    std::size_t lineSize_ = 0; ///< octets of the line, also of those not kept
    std::string name_;
    std::string data_;
    bool hasData_ = false;
    bool isOversized_ = false;
    bool wasCarriageReturn_ = false; ///< a line feed right behind belongs to it
    bool isAtStart_ = true;          ///< where a byte order mark may stand
};

} // namespace mmsd::marathon
