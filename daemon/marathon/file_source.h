// SPDX-License-Identifier: MIT
// FileSource: apps from a saved answer of a Marathon instead of a Marathon.
#pragma once

#include "common/event_loop.h"
#include "common/io_event.h"
#include "common/timer.h"
#include "common/unique_fd.h"
#include "daemon/marathon/source.h"
#include "daemon/marathon/state_keeper.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace mmsd::marathon {

/** Follows a file, also when it is replaced. A file that cannot be used leaves the last good state
 *  in force. */
class FileSource final : public Source {
public:
    /** Watches the folders of @p path and of what it points to.
     *  @param interval how often to look at it in any case
     *  @throws SysError if the folder cannot be watched */
    FileSource(EventLoop& loop, TimerFactory& timers, StateKeeper& keeper, SourceListener& listener,
               std::string path, std::chrono::milliseconds interval);

    void start() override { load("start"); }
    void resync(const std::string& why) override { load(why); }
    [[nodiscard]] const SourceCounters& counters() const override { return counters_; }

    /** The folders that have to be readable: of the path, and of the file it leads to. */
    [[nodiscard]] static std::vector<std::string> foldersOf(const std::string& path);

private:
    [[nodiscard]] std::string version() const;
    void onFolderChanged();
    void lookAgain();
    void load(const std::string& why);
    void report(protocol::SourceState state, const std::string& text);

    TimerFactory& timers_;
    StateKeeper& keeper_;
    SourceListener& listener_;
    std::string path_;
    std::chrono::milliseconds interval_;
    UniqueFd inotify_;
    std::unique_ptr<IoEvent> event_;
    std::unique_ptr<Timer> timer_;
    std::string version_; ///< of the file that was loaded, or tried
    RequestNumber number_ = 0;
    SourceCounters counters_;
    std::optional<protocol::SourceStatus> reported_;
};

} // namespace mmsd::marathon
