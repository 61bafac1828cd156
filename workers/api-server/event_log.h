// SPDX-License-Identifier: MIT
// EventLog: the latest changes as server-sent events. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/api-server/api_state.h"
#include "workers/api-server/state_changes.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::api {

using SharedText = std::shared_ptr<const std::string>;

/** The changes that led to one generation, as text that all its readers share. */
class GenerationEvents {
public:
    /** Octets; where more changed at once, a reset says so instead. */
    static constexpr std::size_t kMaxText = std::size_t{256} << 10;

    /** @param id what a reader that has read this is to come back with */
    GenerationEvents(std::string id, const std::vector<AppChange>& changes,
                     const protocol::Snapshot& after, const ApiTime& now);

    [[nodiscard]] const std::string& id() const noexcept { return id_; }
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
    [[nodiscard]] std::size_t octets() const noexcept { return text_->size(); }
    /** For who follows the apps below @p prefix (see isBelow()); null if nothing changed there. */
    [[nodiscard]] SharedText textFor(std::string_view prefix) const;

private:
    struct Part {
        std::string appId;
        std::size_t end = 0; ///< where its events end, and the next app's begin
    };

    std::string id_;
    std::uint64_t generation_ = 0;
    bool isReset_ = false;    ///< instead of changes, for everyone
    std::vector<Part> parts_; ///< by app id
    SharedText text_;         ///< all parts, then the closing event
};

/** True for the app @p prefix itself and all below it: "/a" has "/a" and "/a/b", not "/ab".
 *  @param prefix "" = all; leading and trailing slashes do not matter */
[[nodiscard]] bool isBelow(std::string_view appId, std::string_view prefix) noexcept;

/** Keeps what changed lately, for those who come back after a break.
 *
 *  An id is "GENERATION-EPOCH". The epoch tells this log from that of another run, in which the
 *  same number may have been another state. Only the last event of a generation has an id, so
 *  that a reader who was cut off in the middle is given the whole generation again. */
class EventLog {
public:
    static constexpr std::size_t kMaxGenerations = 4'096;
    static constexpr std::size_t kMaxOctets = std::size_t{4} << 20;

    explicit EventLog(std::string epoch) : epoch_{std::move(epoch)} {}

    /** Takes in the first state, which nothing led to. */
    void begin(std::uint64_t generation);
    /** Takes in a change. @return its events, valid until the next call */
    const GenerationEvents& record(const std::vector<AppChange>& changes,
                                   const protocol::Snapshot& after, const ApiTime& now);

    /** False before begin(). */
    [[nodiscard]] bool hasBegun() const noexcept { return hasBegun_; }
    /** What a reader comes back with that has all; before begin() there is none. */
    [[nodiscard]] std::string lastId() const { return idOf(lastGeneration_); }
    /** All that happened after @p lastEventId below @p prefix; nothing if that is not known
     *  (any more), or too much to be read at once. */
    [[nodiscard]] std::optional<std::vector<SharedText>> since(std::string_view lastEventId,
                                                               std::string_view prefix) const;
    /** "reset": all must be read anew. @param reason for people */
    [[nodiscard]] SharedText resetText(std::string_view reason) const;

private:
    [[nodiscard]] std::string idOf(std::uint64_t generation) const;

    std::string epoch_;
    bool hasBegun_ = false;
    std::uint64_t firstGeneration_ = 0; ///< what events_.front() came after
    std::uint64_t lastGeneration_ = 0;
    std::deque<GenerationEvents> events_;
    std::size_t octets_ = 0;
};

} // namespace mmsd::api
