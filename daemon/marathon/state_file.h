// SPDX-License-Identifier: MIT
// StateFile: the last published state on disk, for the next start.
#pragma once

#include "common/timer.h"
#include "common/unique_fd.h"
#include "protocol/channel.h"
#include "protocol/state.h"

#include <functional>
#include <memory>
#include <vector>

namespace mmsd::marathon {

/** Owns the folder's descriptor, opened before the sandbox. Writes at most once a second and only
 *  what was not written yet: a whole state, or the transactions behind it. */
class StateFile {
public:
    /** Makes the present state as one transaction. */
    using WholeState = std::function<protocol::SharedFrames()>;

    /** @param folder the watcher's own, <run-state-dir>/watcher */
    StateFile(TimerFactory& timers, UniqueFd folder);

    /** Nothing if there is no usable file: that is logged, never fatal. */
    [[nodiscard]] std::shared_ptr<const protocol::Snapshot> load();
    /** Where replace() gets what it writes. */
    void setWholeState(WholeState wholeState) { wholeState_ = std::move(wholeState); }
    /** Soon puts the whole state in place of all that the file has. */
    void replace();
    /** Soon writes what changes the state that the file leads to. */
    void append(protocol::SharedFrames transaction);
    /** Writes now what still waits; before exit. Never throws: a state that cannot be kept costs
     *  the next start some seconds, is logged, and is tried again later. */
    void flush() noexcept;

private:
    void write();

    UniqueFd folder_;
    WholeState wholeState_;
    std::vector<protocol::SharedFrames> waiting_;
    bool mustReplace_ = true; ///< nothing can be appended to what the file has
    std::size_t size_ = 0;    ///< octets of the file that was written
    bool isDue_ = false;
    std::unique_ptr<Timer> timer_;
    bool hasFailed_ = false; ///< said once
};

} // namespace mmsd::marathon
