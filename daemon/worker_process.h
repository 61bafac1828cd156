// SPDX-License-Identifier: MIT
// WorkerProcess: one child process over all its runs.
#pragma once

#include "common/backoff.h"
#include "common/exit_code.h"
#include "common/timer.h"
#include "daemon/launcher.h"
#include "daemon/run_state_dir.h"
#include "daemon/snapshot_relay.h"
#include "daemon/upgrade.h"
#include "daemon/worker_spec.h"
#include "protocol/channel.h"
#include "protocol/control_messages.h"

#include <chrono>
#include <csignal>
#include <memory>
#include <string>

namespace mmsd::supervisor {

/** Every time by which the supervisor judges its processes. */
struct Timing {
    std::chrono::milliseconds readyTimeout{30'000};
    std::chrono::milliseconds pingInterval{3'000};
    std::chrono::milliseconds pingTimeout{10'000};
    /** For one snapshot. HAProxy's manager needs longest: two hooks of 10 s and some twenty checks
     *  of a large configuration. */
    std::chrono::milliseconds applyTimeout{120'000};
    /** How many frames a process may send from one ping to the next, snapshots of the source not
     *  counted. Some thousand a second: a hundred times what a busy worker sends. */
    unsigned framesPerPing = 10'000;
    /** From SIGTERM to SIGKILL: for workers, and for the watcher, which is stopped after them.
     *  The sum stays below the 10 s that CONTRACT section 8 allows. */
    std::chrono::milliseconds workerGrace{8'000};
    std::chrono::milliseconds sourceGrace{1'500};
    /** From the loss of a channel to SIGKILL. */
    std::chrono::milliseconds channelGrace{1'500};
    Backoff::Limits backoff{std::chrono::seconds{1}, std::chrono::seconds{30},
                            std::chrono::seconds{60}};
    /** A process that ends well sooner than this is as good as crashed: it must not spin. */
    std::chrono::milliseconds leastCleanRun{250};
    /** Changes within this are told to the api-server at once. */
    std::chrono::milliseconds statusDelay{50};
};

/** How a run ended. */
struct ProcessEnd {
    std::string text;                          ///< for log and status
    bool isClean = false;                      ///< exit status 0, not for a breach
    std::chrono::milliseconds uptime{0};       ///< since Ready; 0 = never was
    ExitCode code = ExitCode::OperatingSystem; ///< of mmsd itself, where this ends the start
};

/** @return time to wait until the next start. Pure but for @p backoff. */
[[nodiscard]] std::chrono::milliseconds restartDelay(const ProcessEnd& end, const Timing& timing,
                                                     Backoff& backoff) noexcept;

/** Says how a process ended: "exited with status 71", "killed by signal 9 (Killed)".
 *  @param code   CLD_* of waitid(2)
 *  @param status exit status or signal number */
[[nodiscard]] std::string describeEnd(int code, int status);

/** CLOCK_MONOTONIC in µs, as ProcessInfo has it. */
[[nodiscard]] std::uint64_t toMicroseconds(TimerFactory::TimePoint time) noexcept;

/** Owns one child and its channel: starts it, watches it, ends it, and starts it again until it is
 *  told not to. Runs in the supervisor; what the child sends is not trusted. */
class WorkerProcess final : public protocol::Channel::Handler {
public:
    /** What a process needs of the supervisor, and tells it. */
    class Owner {
    public:
        virtual ~Owner() = default;
        struct Start {
            LaunchPlan plan;
            protocol::Hello hello;
        };
        virtual Start prepareStart(const WorkerProcess& process) = 0;
        virtual void onReady(WorkerProcess& process) = 0;
        /** Snapshot* and SourceStatus. @throws ProtocolError: ends the process */
        virtual void onSourceFrame(const protocol::FrameView& frame) = 0;
        /** @return whether to start it again */
        virtual bool mayRestart(const WorkerProcess& process, const ProcessEnd& end) = 0;
        /** Anything that info() or status() tell is new. */
        virtual void onChange(WorkerProcess& process) = 0;
    };
    /** Borrowed; outlives the process. */
    struct Context {
        EventLoop& loop;
        TimerFactory& timers;
        const RunStateDir& runState;
        const Timing& timing;
        Owner& owner;
    };

    WorkerProcess(const WorkerSpec& spec, Context context);

    /** Starts it, without a back-off, as prepareStart() now says; a run under way ends before. */
    void start();
    /** 0 = not running. */
    [[nodiscard]] pid_t pid() const noexcept { return child_.pid; }
    /** It is gone. @param info of waitid(2), which has taken its exit status */
    void onEnd(const siginfo_t& info);

    /** Continues with what a former supervisor started: that run ends with the next start(). Its
     *  channel is only held, as without it the process would end at once.
     *  @param user that it runs as; 0 = as we do
     *  @throws SysError if that is no child of ours */
    void adopt(Inherited former, uid_t user);
    /** Borrowed; -1 if there is none. */
    [[nodiscard]] int channelFd() const noexcept;

    /** Wants it gone: asks it to end, and kills it after the grace period. */
    void stop();
    /** Kills it; whether it is started again is up to what was last wanted. */
    void kill() noexcept { signal(SIGKILL); }

    void send(protocol::MessageType type, protocol::PayloadView payload = {});
    /** Sends the relay's newest snapshot if this is a running worker which can take it. */
    void offer(const SnapshotRelay& relay);

    [[nodiscard]] const WorkerSpec& spec() const noexcept { return spec_; }
    [[nodiscard]] const protocol::ProcessInfo& info() const noexcept { return info_; }
    [[nodiscard]] bool isRunning() const noexcept {
        return info_.phase == protocol::Phase::Running;
    }
    [[nodiscard]] bool isStopped() const noexcept {
        return info_.phase == protocol::Phase::Stopped;
    }
    [[nodiscard]] bool isWanted() const noexcept { return isWanted_; }
    /** In any of its runs. */
    [[nodiscard]] bool hasBeenReady() const noexcept { return hasBeenReady_; }
    /** True if this run has dealt with a snapshot, by whatever result. */
    [[nodiscard]] bool hasAcknowledged() const noexcept { return delivery_.hasAcknowledged(); }
    /** True if frames for it are waiting: it is slow, or has much to read. */
    [[nodiscard]] bool hasUnsent() const noexcept { return channel_ && channel_->hasUnsent(); }
    /** Its newest status report as sent on to the api-server; empty before the first. */
    [[nodiscard]] const protocol::Payload& status() const noexcept { return status_; }
    /** Whether status() has still to be sent on; the one who sends it says so. */
    [[nodiscard]] bool hasNewStatus() const noexcept { return hasNewStatus_; }
    void markStatus(bool isNew) noexcept { hasNewStatus_ = isNew && !status_.empty(); }

private:
    void launchNow();
    void terminate();
    void signal(int number) noexcept;
    void fail(std::string reason, ExitCode code = ExitCode::OperatingSystem);
    void enter(protocol::Phase phase);
    void onTimer();
    void finish(ProcessEnd end);
    void onReadyFrame(protocol::PayloadView payload);
    void onFrame(const protocol::FrameView& frame) override;
    void onChannelClosed(std::string_view reason) override;

    const WorkerSpec& spec_;
    Context context_;
    Backoff backoff_;
    LaunchedProcess child_;
    std::unique_ptr<protocol::Channel> channel_;
    /** Its meaning follows the phase: Ready is due, ping, SIGKILL, next start. */
    std::unique_ptr<Timer> timer_;
    protocol::ProcessInfo info_;
    protocol::Payload status_;
    bool hasNewStatus_ = false;
    SnapshotDelivery delivery_;
    TimerFactory::TimePoint readyAt_{};
    TimerFactory::TimePoint offeredAt_{};
    unsigned framesSincePing_ = 0;
    std::uint64_t pingToken_ = 0;
    bool isPingPending_ = false;
    bool hasPidFile_ = true; ///< false: tried again with each ping
    std::string failure_;    ///< why we killed this run
    ExitCode failureCode_ = ExitCode::OperatingSystem;
    bool isWanted_ = false;
    bool isReplaced_ = false; ///< this run ends because we want a new one
    bool hasBeenReady_ = false;
};

} // namespace mmsd::supervisor
