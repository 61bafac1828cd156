// SPDX-License-Identifier: MIT
// MarathonApi: what the watcher needs of a Marathon; a seam for tests.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace mmsd::marathon {

/** An event stream and fetches from one of several masters. Every callback comes from the event
 *  loop, never from inside a call. */
class MarathonApi {
public:
    /** Hears of the stream. May close it, and open the next, in any call. */
    class StreamHandler {
    public:
        virtual ~StreamHandler() = default;
        /** The answer is 200 and a stream. @param where the server, for log and status */
        virtual void onStreamOpen(const std::string& where) = 0;
        virtual void onStreamData(std::string_view bytes) = 0;
        /** Last call.
         *  @param wasAnswered a server spoke HTTP, so fetches may work */
        virtual void onStreamClosed(const std::string& reason, bool wasAnswered) = 0;
    };
    /** How a fetch ended. */
    struct Answer {
        enum class Kind : std::uint8_t {
            Complete, ///< 200, JSON, and the transfer is complete
            NotFound, ///< Marathon's own 404
            Failed,
        };
        Kind kind = Kind::Failed;
        std::string error; ///< why it failed
    };
    /** @return false if the rest is not wanted: ends as Failed */
    using OnChunk = std::function<bool(std::string_view bytes)>;
    using OnAnswer = std::function<void(const Answer& answer)>;

    virtual ~MarathonApi() = default;
    /** Opens the stream at the current master; there is at most one. */
    virtual void openStream(StreamHandler& handler) = 0;
    /** Closes it without a last call. */
    virtual void closeStream() = 0;
    /** Fetches one app, or all with "". @param onChunk gets the body of a 200 with JSON only */
    virtual void fetch(const std::string& appId, OnChunk onChunk, OnAnswer onAnswer) = 0;
    virtual void useNextMaster() = 0;
    [[nodiscard]] virtual std::size_t masterCount() const = 0;
};

} // namespace mmsd::marathon
