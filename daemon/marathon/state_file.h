// SPDX-License-Identifier: MIT
// StateFile: the last published snapshot on disk, for the next start.
#pragma once

#include "common/timer.h"
#include "common/unique_fd.h"
#include "protocol/channel.h"
#include "protocol/state.h"

#include <memory>

namespace mmsd::marathon {

/** Owns the folder's descriptor, opened before the sandbox. Writes at most once a second and only
 *  what was not written yet. */
class StateFile {
public:
    /** @param folder the watcher's own, <run-state-dir>/watcher */
    StateFile(TimerFactory& timers, UniqueFd folder);

    struct Content {
        std::shared_ptr<const protocol::Snapshot> snapshot;
        protocol::SharedFrames frames;
    };
    /** Nothing if there is no usable file: that is logged, never fatal. */
    [[nodiscard]] Content load();
    /** Writes soon. */
    void store(protocol::SharedFrames frames);
    /** Writes now what still waits; before exit. Never throws: a state that cannot be kept costs
     *  the next start some seconds, is logged, and is tried again later. */
    void flush() noexcept;

private:
    UniqueFd folder_;
    protocol::SharedFrames waiting_;
    std::unique_ptr<Timer> timer_;
    bool hasFailed_ = false; ///< said once
};

} // namespace mmsd::marathon
