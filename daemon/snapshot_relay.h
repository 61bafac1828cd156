// SPDX-License-Identifier: MIT
// SnapshotRelay: stores the watcher's newest whole snapshot and forwards it undecoded. Pure.
#pragma once

#include "protocol/channel.h"
#include "protocol/checksum.h"
#include "protocol/control_messages.h"
#include "protocol/frame.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace mmsd::supervisor {

/** Collects transactions frame by frame. Checks the frame around the app data (order is the
 *  message gate's business) and never looks into it. */
class SnapshotRelay {
public:
    /** Takes one Snapshot* frame of the watcher.
     *  @return true if it completed a snapshot, which is the newest from now on
     *  @throws ProtocolError on a generation that does not rise, wrong counts, sizes or checksum;
     *          the unfinished transaction is dropped, the newest snapshot stays */
    bool take(const protocol::FrameView& frame);
    /** Takes the newest() of another relay from a file. @throws ProtocolError like take() */
    void restore(int file);
    /** The watcher is gone: what it did not finish will never be. */
    void dropUnfinished() noexcept { pending_.reset(); }

    /** Frames Begin … End as they came; null before the first. */
    [[nodiscard]] const protocol::SharedFrames& newest() const noexcept { return newest_; }
    /** Of newest(); 0 before the first. */
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

private:
    void begin(const protocol::FrameView& frame);
    void append(const protocol::FrameView& frame);
    void end(const protocol::FrameView& frame);

    struct Transaction {
        protocol::SnapshotBegin begin{};
        std::vector<std::byte> frames{};
        std::uint64_t payloadBytes = 0;
        std::uint32_t appCount = 0;
        protocol::Checksum checksum{};
    };
    std::optional<Transaction> pending_;
    protocol::SharedFrames newest_;
    std::uint64_t generation_ = 0;
};

/** What one run of one worker has been given: the latest wins, one is in flight. Since what waits
 *  is always the relay's newest, a slow worker costs the one buffer that it is reading. */
class SnapshotDelivery {
public:
    /** @return what to send now; null while one is in flight, or if the newest has been sent */
    [[nodiscard]] protocol::SharedFrames next(const SnapshotRelay& relay);
    /** Takes a SnapshotApplied; a worker may repeat the last one (it applied it anew).
     *  @return true if it is the first for that snapshot
     *  @throws ProtocolError if @p generation is not the one that was sent last */
    bool acknowledge(std::uint64_t generation);

    /** True from next() to the acknowledgement. */
    [[nodiscard]] bool isInFlight() const noexcept { return isInFlight_; }
    [[nodiscard]] bool hasAcknowledged() const noexcept { return hasAcknowledged_; }

private:
    std::uint64_t sent_ = 0; ///< generation; 0 = none
    bool isInFlight_ = false;
    bool hasAcknowledged_ = false;
};

} // namespace mmsd::supervisor
