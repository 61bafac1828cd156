// SPDX-License-Identifier: MIT
// ApplyQueue: one apply at a time, and only the newest snapshot waits.
#include "workers/runtime/apply_queue.h"

#include <utility>

namespace mmsd::worker {

ApplyQueue::ApplyQueue(Worker& worker, const TimerFactory& clock, OnApplied onApplied)
    : worker_{worker}, clock_{clock}, onApplied_{std::move(onApplied)} {}

void ApplyQueue::push(std::shared_ptr<const protocol::Snapshot> snapshot) {
    if (isClosed_)
        return;
    waiting_ = std::move(snapshot);
    waitingSince_ = clock_.now();
    startNext();
}

void ApplyQueue::reapply() {
    if (isClosed_ || !hasSnapshot_)
        return;
    mustReapply_ = true;
    startNext();
}

void ApplyQueue::close() noexcept {
    isClosed_ = true;
    waiting_.reset();
    mustReapply_ = false;
}

void ApplyQueue::startNext() {
    if (isStarting_)
        return;
    isStarting_ = true;
    while (!isBusy_ && (waiting_ || mustReapply_)) {
        isBusy_ = true;
        if (waiting_) {
            hasSnapshot_ = true;
            startedAt_ = waitingSince_;
            const auto generation = waiting_->generation;
            worker_.apply(std::exchange(waiting_, nullptr),
                          [this, generation](ApplyOutcome outcome) {
                              finish(generation, std::move(outcome));
                          });
        } else {
            mustReapply_ = false;
            startedAt_ = clock_.now();
            worker_.reapply([this](ApplyOutcome outcome) { finish(0, std::move(outcome)); });
        }
    }
    isStarting_ = false;
}

void ApplyQueue::finish(std::uint64_t generation, ApplyOutcome outcome) {
    isBusy_ = false;
    const auto duration =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - startedAt_);
    onApplied_(generation, {outcome.result, duration, std::move(outcome.text)});
    startNext();
}

} // namespace mmsd::worker
