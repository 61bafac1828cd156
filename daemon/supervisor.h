// SPDX-License-Identifier: MIT
// Supervisor: the root process. Starts, feeds, watches, restarts and stops all others.
#pragma once

#include "common/event_loop.h"
#include "common/exit_code.h"
#include "common/io_event.h"
#include "common/sd_notify.h"
#include "common/timer.h"
#include "common/unique_fd.h"
#include "daemon/listen_sockets.h"
#include "daemon/process_plan.h"
#include "daemon/run_state_dir.h"
#include "daemon/snapshot_relay.h"
#include "daemon/upgrade.h"
#include "daemon/worker_process.h"
#include "protocol/control_messages.h"
#include "protocol/settings.h"

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mmsd::supervisor {

/** Owns all processes, the listeners that they inherit and the newest snapshot. The only object
 *  that runs as root for long: it speaks to its children and the service manager, to nobody else.
 */
class Supervisor final : private WorkerProcess::Owner {
public:
    /** Checks all that a start needs and opens the listeners; forks nothing.
     *  @param argv borrowed; read again with the configuration file on SIGHUP
     *  @param handover what to continue with after an upgrade; empty at a start
     *  @throws StartError, SysError */
    Supervisor(EventLoop& loop, std::span<const char* const> argv, protocol::Settings settings,
               const Timing& timing, Handover handover);

    /** Starts the processes and runs until a signal, or a failed start, ends them all. */
    [[nodiscard]] ExitCode run();

private:
    Start prepareStart(const WorkerProcess& process) override;
    void onReady(WorkerProcess& process) override;
    void onSourceFrame(const protocol::FrameView& frame) override;
    bool mayRestart(const WorkerProcess& process, const ProcessEnd& end) override;
    void onChange(WorkerProcess& process) override;

    void watchSignals();
    void onSignal();
    void reapChildren();
    void takeOver(Handover handover);
    void upgrade();
    void reload();
    void tellReloading();
    [[nodiscard]] protocol::Settings readSettingsAgain() const;
    void apply(protocol::Settings settings);
    void shutDown();
    void continueShutdown();
    void publishStatus();
    [[nodiscard]] protocol::ProcessStatus processStatus() const;
    void tellServiceManager();
    [[nodiscard]] bool isServiceReady() const;
    void logStatus() const;

    EventLoop& loop_;
    const std::span<const char* const> argv_;
    protocol::Settings settings_;
    const Timing timing_;
    const bool isRoot_;
    const std::string program_ = findOwnPath();
    SdNotifier notifier_;
    EventTimerFactory timers_{loop_};
    std::vector<ProcessPlan> plans_; ///< in the order of the table, like processes_
    RunStateDir runState_;
    ListenSockets listeners_;
    SnapshotRelay relay_;
    protocol::SourceStatus source_;
    std::deque<WorkerProcess> processes_;
    std::unique_ptr<Timer> statusTimer_; ///< active while a change has not been published
    std::unique_ptr<Timer> watchdogTimer_;
    /** Signals stay blocked and are read here: those that come while another version is executed
     *  wait for it. */
    UniqueFd signals_;
    std::unique_ptr<IoEvent> signalEvent_;
    std::string serviceStatus_; ///< as told to the service manager
    bool isStarting_ = true;    ///< until each process has been ready once: not after an upgrade
    bool isReadyTold_ = false;
    bool isStopping_ = false;
    ExitCode exitCode_ = ExitCode::Ok;
};

} // namespace mmsd::supervisor
