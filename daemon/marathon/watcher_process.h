// SPDX-License-Identifier: MIT
// WatcherProcess: the life of mmsd-marathon-watcher, from Hello to its end.
#pragma once

#include "common/event_loop.h"
#include "common/exit_code.h"
#include "common/hang_alarm.h"
#include "common/signal_event.h"
#include "common/timer.h"
#include "daemon/marathon/curl_loop.h"
#include "daemon/marathon/file_source.h"
#include "daemon/marathon/host_resolver.h"
#include "daemon/marathon/marathon_client.h"
#include "daemon/marathon/outlet.h"
#include "daemon/marathon/snapshot_publisher.h"
#include "daemon/marathon/state_file.h"
#include "daemon/marathon/state_keeper.h"
#include "daemon/marathon/status_reporter.h"
#include "daemon/marathon/watcher.h"
#include "protocol/channel.h"
#include "protocol/settings.h"

#include <memory>
#include <optional>

namespace mmsd::marathon {

/** Owns everything that runs in this process; single-threaded. */
class WatcherProcess final : private protocol::Channel::Handler, private SourceListener {
public:
    /** @param channel to the supervisor; none = alone, frames go to standard output */
    WatcherProcess(const protocol::Settings& settings, UniqueFd channel);
    ~WatcherProcess() override;

    /** Runs until told to end, or the supervisor is gone. */
    [[nodiscard]] ExitCode run();

private:
    void onFrame(const protocol::FrameView& frame) override;
    void onChannelClosed(std::string_view reason) override;
    void onSourceStatus(const protocol::SourceStatus& status) override;
    void onSynchronized() override;

    /** Opens all that is needed, goes into the sandbox, and starts. */
    void start(std::uint64_t lastGeneration);
    void openSource();
    void restoreState();
    void onHello(protocol::PayloadView payload);
    void resync(const char* why);
    void stop();

    const protocol::Settings& settings_;
    EventLoop loop_;
    EventTimerFactory timers_{loop_};
    ExitCode exitCode_ = ExitCode::Ok;
    std::unique_ptr<protocol::Channel> channel_;
    std::optional<HangAlarm> hangAlarm_; ///< alone, it may wait for who reads its output
    std::unique_ptr<Outlet> outlet_;
    HostResolver resolver_{loop_, timers_};
    CurlLoop curl_{loop_, timers_};
    std::unique_ptr<StateFile> stateFile_;
    std::unique_ptr<SnapshotPublisher> publisher_;
    std::unique_ptr<StateKeeper> keeper_;
    std::unique_ptr<MarathonClient> client_; ///< null with a file
    std::unique_ptr<Source> source_;
    std::unique_ptr<StatusReporter> reporter_;
    SignalEvent onTerminate_;
    SignalEvent onInterrupt_;
    SignalEvent onHangUp_;
};

} // namespace mmsd::marathon
