// SPDX-License-Identifier: MIT
// StateFile: the last published state on disk, for the next start.
#include "daemon/marathon/state_file.h"

#include "common/file_io.h"
#include "common/log.h"
#include "protocol/limits.h"
#include "protocol/snapshot_assembler.h"

#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mmsd::marathon {

namespace {

constexpr const char* kFileName = "snapshot.bin";
/** After a change, not at once: the snapshot itself goes out first. */
constexpr std::chrono::seconds kDelay{1};
/** After a failure: a full disk stays full for a while. */
constexpr std::chrono::seconds kRetryDelay{10};

} // namespace

StateFile::StateFile(TimerFactory& timers, UniqueFd folder)
    : folder_{std::move(folder)}, timer_{timers.create([this] { flush(); })} {}

std::shared_ptr<const protocol::Snapshot> StateFile::load() {
    try {
        const auto text = readFileAt(folder_.get(), kFileName, protocol::kMaxSnapshotBytes);
        if (!text)
            return {};
        auto [snapshot, flaw] = protocol::decodeSnapshotFile(std::as_bytes(std::span{*text}));
        if (!flaw.empty())
            logWarning("the state on disk is older than the last one published",
                       {{"reason", flaw}});
        return std::move(snapshot);
    } catch (const std::exception& error) {
        logWarning("the state on disk is not used", {{"reason", error.what()}});
        return {};
    }
}

void StateFile::replace() {
    mustReplace_ = true;
    waiting_.clear();
    isDue_ = true;
    if (!timer_->isActive())
        timer_->start(kDelay);
}

void StateFile::append(protocol::SharedFrames transaction) {
    if (!mustReplace_)
        waiting_.push_back(std::move(transaction));
    isDue_ = true;
    if (!timer_->isActive())
        timer_->start(kDelay);
}

void StateFile::flush() noexcept {
    timer_->stop();
    if (!std::exchange(isDue_, false))
        return;
    try {
        write();
        if (std::exchange(hasFailed_, false))
            logInfo("the state on disk is kept again");
    } catch (const std::exception& error) {
        if (!std::exchange(hasFailed_, true))
            logWarning("cannot keep the state on disk, will be retried",
                       {{"reason", error.what()}});
        // The file may end in half a transaction; and the next change may be long in coming.
        mustReplace_ = isDue_ = true;
        waiting_.clear();
        timer_->start(kRetryDelay);
    }
}

void StateFile::write() {
    if (mustReplace_) {
        const protocol::SharedFrames whole = wholeState_();
        replaceFileAt(folder_.get(), kFileName, std::span{*whole}, 0600);
        size_ = whole->size();
        mustReplace_ = false;
        return;
    }
    for (const protocol::SharedFrames& transaction : waiting_) {
        appendFileAt(folder_.get(), kFileName, size_, *transaction);
        size_ += transaction->size();
    }
    waiting_.clear();
}

} // namespace mmsd::marathon
