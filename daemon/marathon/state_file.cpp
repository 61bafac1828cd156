// SPDX-License-Identifier: MIT
// StateFile: the last published snapshot on disk, for the next start.
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

StateFile::Content StateFile::load() {
    try {
        const auto text = readFileAt(folder_.get(), kFileName, protocol::kMaxSnapshotBytes);
        if (!text)
            return {};
        const auto bytes = std::as_bytes(std::span{*text});
        auto frames = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
        return {protocol::decodeSnapshotFile(*frames), frames};
    } catch (const std::exception& error) {
        logWarning("the state on disk is not used", {{"reason", error.what()}});
        return {};
    }
}

void StateFile::store(protocol::SharedFrames frames) {
    waiting_ = std::move(frames);
    if (!timer_->isActive())
        timer_->start(kDelay);
}

void StateFile::flush() noexcept {
    timer_->stop();
    protocol::SharedFrames frames = std::exchange(waiting_, nullptr);
    if (!frames)
        return;
    try {
        replaceFileAt(folder_.get(), kFileName, std::span{*frames}, 0600);
        if (std::exchange(hasFailed_, false))
            logInfo("the state on disk is kept again");
    } catch (const std::exception& error) {
        if (!std::exchange(hasFailed_, true))
            logWarning("cannot keep the state on disk, will be retried",
                       {{"reason", error.what()}});
        // The next change may be long in coming.
        waiting_ = std::move(frames);
        timer_->start(kRetryDelay);
    }
}

} // namespace mmsd::marathon
