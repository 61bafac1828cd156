// SPDX-License-Identifier: MIT
// ApplyQueue: one apply at a time, and only the newest snapshot waits.
#pragma once

#include "common/timer.h"
#include "workers/runtime/worker.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace mmsd::worker {

/** Feeds one worker, borrowed. A snapshot that arrives while another is being applied replaces
 *  the one that waits, so memory is bounded however slow the worker is. */
class ApplyQueue {
public:
    /** @param generation of the snapshot that was applied; 0 for a reapply */
    using OnApplied =
        std::function<void(std::uint64_t generation, const protocol::SnapshotApplied& applied)>;

    /** @param clock only its now() is used */
    ApplyQueue(Worker& worker, const TimerFactory& clock, OnApplied onApplied);

    void push(std::shared_ptr<const protocol::Snapshot> snapshot);
    /** Has the current state applied anew, after what is under way; nothing before the first. */
    void reapply();
    /** Drops what waits and takes nothing more. */
    void close() noexcept;

private:
    void startNext();
    void finish(std::uint64_t generation, ApplyOutcome outcome);

    Worker& worker_;
    const TimerFactory& clock_;
    OnApplied onApplied_;
    std::shared_ptr<const protocol::Snapshot> waiting_;
    TimerFactory::TimePoint waitingSince_{};
    TimerFactory::TimePoint startedAt_{};
    bool hasSnapshot_ = false;
    bool mustReapply_ = false;
    bool isBusy_ = false;
    bool isStarting_ = false; ///< startNext() is on the stack
    bool isClosed_ = false;
};

} // namespace mmsd::worker
