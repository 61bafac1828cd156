// SPDX-License-Identifier: MIT
// MarathonApi: what the watcher needs of a Marathon; a seam for tests.
#pragma once

#include "daemon/marathon/failure.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace mmsd::marathon {

/** An event stream and fetches from one of several masters. Every callback comes from the event
 *  loop, never from inside a call. */
class MarathonApi {
public:
    /** Why a stream ended, or was never there. */
    struct StreamEnd {
        std::string reason; ///< with the server's name; for log and status
        Failure failure = Failure::Cut;
        bool wasAnswered = false; ///< a server spoke HTTP, so fetches may work
    };
    /** Hears of the stream. May close it, and open the next, in any call. */
    class StreamHandler {
    public:
        virtual ~StreamHandler() = default;
        /** The answer is 200 and a stream. @param where the server, for log and status */
        virtual void onStreamOpen(const std::string& where) = 0;
        virtual void onStreamData(std::string_view bytes) = 0;
        /** Last call. */
        virtual void onStreamClosed(const StreamEnd& end) = 0;
    };
    enum class Resource : std::uint8_t { Apps, App, Pods, Pod };
    /** How a fetch ended. */
    struct Answer {
        enum class Kind : std::uint8_t {
            Complete, ///< 200, JSON, and the transfer is complete
            NotFound, ///< Marathon's own 404: no such app or pod, or no pods at all
            Failed,
        };
        Kind kind = Kind::Failed;
        std::string error; ///< why it failed
        Failure failure = Failure::None;
    };
    /** @return false if the rest is not wanted: ends as Failed */
    using OnChunk = std::function<bool(std::string_view bytes)>;
    using OnAnswer = std::function<void(const Answer& answer)>;

    virtual ~MarathonApi() = default;
    /** Opens the stream at the current master; there is at most one. */
    virtual void openStream(StreamHandler& handler) = 0;
    /** Closes it without a last call. */
    virtual void closeStream() = 0;
    /** Fetches one app or pod, or all of them.
     *  @param id of the one; else ""
     *  @param onChunk gets the body of a 200 with JSON only */
    virtual void fetch(Resource resource, const std::string& id, OnChunk onChunk,
                       OnAnswer onAnswer) = 0;
    virtual void useNextMaster() = 0;
    /** True if the credentials have changed since they were last sent. */
    [[nodiscard]] virtual bool hasNewCredentials() const = 0;
    [[nodiscard]] virtual std::size_t masterCount() const = 0;
};

/** A label value. */
[[nodiscard]] constexpr const char* toString(MarathonApi::Resource resource) noexcept {
    switch (resource) {
    case MarathonApi::Resource::Apps:
        return "apps";
    case MarathonApi::Resource::App:
        return "app";
    case MarathonApi::Resource::Pods:
        return "pods";
    case MarathonApi::Resource::Pod:
        return "pod";
    }
    return "?";
}

} // namespace mmsd::marathon
