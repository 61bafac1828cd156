// SPDX-License-Identifier: MIT
// SnapshotRelay: stores the watcher's newest state and forwards it undecoded. Pure.
#pragma once

#include "protocol/channel.h"
#include "protocol/checksum.h"
#include "protocol/control_messages.h"
#include "protocol/frame.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mmsd::supervisor {

/** A complete transaction as it came, Begin … End. */
struct SnapshotLink {
    std::uint64_t generation = 0; ///< of the state that it leads to
    protocol::SharedFrames frames;
};
using SnapshotChain = std::span<const SnapshotLink>;

/** Collects transactions frame by frame: one with a whole state, and those that changed it since.
 *  Checks the frames around the app data (their order is the message gate's business) and never
 *  looks into it. */
class SnapshotRelay {
public:
    /** Takes one Snapshot* frame of the watcher.
     *  @return true if it completed a transaction that leads to a newer state
     *  @throws ProtocolError on a generation that does not rise, a base that is not the newest,
     *          wrong counts, sizes or checksum, or more than kMaxChain and kMaxSnapshotBytes allow;
     *          the unfinished transaction is dropped, the newest state stays */
    bool take(const protocol::FrameView& frame);
    /** Takes the chain() of another relay from a file. @throws ProtocolError like take() */
    void restore(int file);
    /** The watcher is gone: what it did not finish will never be. */
    void dropUnfinished() noexcept { pending_.reset(); }

    /** What leads from nothing to the newest state. */
    [[nodiscard]] SnapshotChain chain() const noexcept { return chain_; }
    /** What leads there from @p generation, which was the newest once; 0 = from nothing. */
    [[nodiscard]] SnapshotChain chainFrom(std::uint64_t generation) const noexcept;
    /** Of the newest state; 0 before the first. */
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

private:
    void begin(const protocol::FrameView& frame);
    void append(const protocol::FrameView& frame);
    bool end(const protocol::FrameView& frame);
    /** Octets of the chain that stay when the transaction under way ends. */
    [[nodiscard]] std::size_t keptOctets() const noexcept {
        return pending_->begin.base != 0 ? octets_ : 0;
    }

    struct Transaction {
        protocol::SnapshotBegin begin{};
        std::vector<std::byte> frames{};
        std::uint64_t payloadBytes = 0;
        std::uint32_t appCount = 0;
        protocol::Checksum checksum{};
    };
    std::optional<Transaction> pending_;
    std::vector<SnapshotLink> chain_;
    std::size_t octets_ = 0; ///< of the chain
    std::uint64_t generation_ = 0;
    protocol::StateTotals totals_{};
};

/** What one run of one worker has been given: the latest wins, one state is in flight. Since what
 *  waits is always the relay's, a slow worker costs the buffers that it is reading. */
class SnapshotDelivery {
public:
    /** @return what to send now, to lead to the relay's newest; empty while a state is in flight,
     * or if the newest has been sent */
    [[nodiscard]] SnapshotChain next(const SnapshotRelay& relay);
    /** Takes a SnapshotApplied; a worker may repeat the last one (it applied it anew).
     *  @param isTaken false: what it has is not known, and the next one starts from nothing
     *  @return true if it is the first for that snapshot
     *  @throws ProtocolError if @p generation is not the one that was sent last */
    bool acknowledge(std::uint64_t generation, bool isTaken);

    /** True from next() to the acknowledgement. */
    [[nodiscard]] bool isInFlight() const noexcept { return isInFlight_; }
    [[nodiscard]] bool hasAcknowledged() const noexcept { return hasAcknowledged_; }

private:
    std::uint64_t sent_ = 0; ///< generation; 0 = none
    std::uint64_t base_ = 0; ///< what the worker has; 0 = nothing that the next one could change
    bool isInFlight_ = false;
    bool hasAcknowledged_ = false;
};

} // namespace mmsd::supervisor
