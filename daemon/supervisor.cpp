// SPDX-License-Identifier: MIT
// What the supervisor does about each event.
#include "daemon/supervisor.h"

#include "common/log.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "daemon/cage.h"
#include "daemon/options.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <utility>

namespace mmsd::supervisor {

using protocol::MessageType;

Supervisor::Supervisor(EventLoop& loop, std::span<const char* const> argv,
                       protocol::Settings settings, const Timing& timing, Handover handover)
    : loop_{loop}, argv_{argv}, settings_{std::move(settings)}, timing_{timing},
      isRoot_{::geteuid() == 0}, notifier_{SdNotifier::fromEnvironment()},
      plans_{planProcesses(settings_, isRoot_)}, runState_{settings_.text("run-state-dir"),
                                                           takeFd(handover, kRunStateDir)},
      statusTimer_{timers_.create([this] { publishStatus(); })} {
    prepareDirectories(plans_, runState_);
    for (const ProcessPlan& plan : plans_) {
        processes_.emplace_back(*plan.spec,
                                WorkerProcess::Context{loop_, timers_, runState_, timing_, *this});
        runState_.removePidFile(plan.spec->name); // of an mmsd that was killed
    }
    if (!handover.empty())
        takeOver(std::move(handover));
    const auto wanted = enabledListeners(plans_);
    listeners_.takePassed(wanted);
    listeners_.adopt(listeners_.openMissing(wanted), wanted);

    watchSignals();
    if (const auto interval = notifier_.watchdogInterval()) {
        watchdogTimer_ = timers_.create([this, interval] {
            notifier_.notify("WATCHDOG=1");
            watchdogTimer_->start(*interval);
        });
        // At once: a predecessor may have fed it nearly an interval ago.
        watchdogTimer_->start(std::chrono::milliseconds::zero());
    }
}

ExitCode Supervisor::run() {
    if (!isRoot_)
        logWarning("started without root: every process runs as the calling user");
    giveUpRights(isRoot_);
    if (isStarting_) // after an upgrade it is in force already
        denySyscalls();
    for (std::size_t i = 0; i < plans_.size() && !isStopping_; ++i)
        if (plans_[i].isEnabled)
            processes_[i].start();
    // A start that failed at once has nothing left to wait for.
    if (!std::ranges::all_of(processes_, &WorkerProcess::isStopped))
        loop_.run();
    return exitCode_;
}

void Supervisor::watchSignals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD})
        ::sigaddset(&set, number);
    signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.isDefined() || ::sigprocmask(SIG_SETMASK, &set, nullptr) != 0)
        throwErrno("watch signals");
    signalEvent_ =
        std::make_unique<IoEvent>(loop_, signals_.get(), [this](bool, bool) { onSignal(); });
    signalEvent_->watch(true, false);
}

void Supervisor::onSignal() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != sizeof info)
        return;
    switch (info.ssi_signo) {
    case SIGHUP:
        return reload();
    case SIGUSR1:
        return logStatus();
    case SIGUSR2:
        return upgrade();
    case SIGCHLD:
        return reapChildren();
    default:
        return shutDown();
    }
}

/** All that have ended, as one signal may stand for several. As process 1 of a container we also
 *  get what others left behind, like the HAProxy of a manager that was killed. */
void Supervisor::reapChildren() {
    siginfo_t info{};
    while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
        const auto process = std::ranges::find(processes_, info.si_pid, &WorkerProcess::pid);
        if (process != processes_.end())
            process->onEnd(info);
        info = {};
    }
}

void Supervisor::takeOver(Handover handover) {
    isStarting_ = false;
    listeners_.inherit(handover, enabledListeners(plans_));
    // A process that is not wanted any more ends when its channel is closed with the handover.
    for (std::size_t i = 0; i < plans_.size(); ++i)
        if (const auto former = handover.find(plans_[i].spec->name);
            plans_[i].isEnabled && former != handover.end())
            processes_[i].adopt(std::move(former->second),
                                plans_[i].identity ? plans_[i].identity->uid : 0);
    try {
        if (const UniqueFd snapshot = takeFd(handover, kSnapshot); snapshot.isDefined())
            relay_.restore(snapshot.get());
    } catch (const protocol::ProtocolError& error) {
        logWarning("no state taken over", {{"reason", error.what()}});
    }
    reapChildren(); // those that have ended: exec has taken their signal with it
    logInfo("running in place of another version", {{"generation", relay_.generation()}});
}

void Supervisor::upgrade() {
    if (isStopping_)
        return;
    try {
        Successor successor{program_, argv_, settings_.text("run-as")};
        successor.pass(kRunStateDir, runState_.lock());
        for (const auto& [endpoint, fd] : listeners_.all())
            successor.pass(endpoint.process + '/' + endpoint.role, fd.get());
        for (const WorkerProcess& process : processes_)
            if (process.isWanted() || !process.isStopped())
                successor.pass(process.spec().name, process.channelFd(), process.pid(),
                               process.info().restarts);
        successor.pass(kSnapshot, relay_.chain());
        successor.rehearse();
        logInfo("executing anew", {{"program", program_}});
        if (isReadyTold_)
            tellReloading();
        successor.execute();
    } catch (const std::exception& error) {
        logError("cannot execute anew, this version goes on", {{"reason", error.what()}});
    }
    if (isReadyTold_)
        notifier_.notify("READY=1");
}

WorkerProcess::Owner::Start Supervisor::prepareStart(const WorkerProcess& process) {
    const WorkerSpec& spec = process.spec();
    const ProcessPlan& plan = *std::ranges::find(plans_, &spec, &ProcessPlan::spec);
    if (spec.isSource) {
        relay_.dropUnfinished();
        source_ = {};
    }
    Start start;
    start.plan = {
        .executable = plan.executable,
        .arguments = plan.arguments,
        .environment = childEnvironment(),
        // Without root there is nothing to keep: a right of ours is not a right of theirs.
        .drop = {plan.identity, isRoot_ ? spec.keptCapability : std::nullopt},
        .sockets = {}};
    start.hello = {.version = protocol::kProtocolVersion,
                   .process = spec.name,
                   .logLevel = settings_.logLevel(),
                   .lastGeneration = relay_.generation(),
                   .sockets = {}};
    std::uint8_t fd = protocol::kFirstSocketFd;
    for (const ListenEndpoint& listener : plan.listeners) {
        start.plan.sockets.push_back(listeners_.revived(listener));
        start.hello.sockets.push_back({fd++, listener.role});
    }
    return start;
}

void Supervisor::onReady(WorkerProcess& process) {
    if (process.spec().receivesProcessStatus)
        for (WorkerProcess& each : processes_)
            each.markStatus(true);
    if (std::ranges::all_of(processes_, [](const WorkerProcess& each) {
            return each.hasBeenReady() || !each.isWanted();
        }))
        isStarting_ = false;
}

void Supervisor::onSourceFrame(const protocol::FrameView& frame) {
    if (frame.header.type == MessageType::SourceStatus) {
        source_ = protocol::decodeSourceStatus(frame.payload);
    } else if (relay_.take(frame)) {
        logDebug("snapshot", {{"generation", relay_.generation()}});
        for (WorkerProcess& process : processes_)
            process.offer(relay_);
    } else {
        return;
    }
    if (!statusTimer_->isActive())
        statusTimer_->start(timing_.statusDelay);
}

bool Supervisor::mayRestart(const WorkerProcess& process, const ProcessEnd& end) {
    if (!isStarting_ || isStopping_ || process.hasBeenReady())
        return !isStopping_;
    logError("cannot start", {{"process", process.spec().name}, {"reason", end.text}});
    exitCode_ = end.code;
    shutDown();
    return false;
}

void Supervisor::onChange(WorkerProcess& process) {
    process.offer(relay_);
    if (isStopping_)
        continueShutdown();
    else if (!statusTimer_->isActive())
        statusTimer_->start(timing_.statusDelay);
}

void Supervisor::reload() {
    if (isStopping_)
        return;
    if (isReadyTold_)
        tellReloading();
    try {
        apply(readSettingsAgain());
        logInfo("configuration read again");
    } catch (const std::exception& error) {
        logError("configuration not changed", {{"reason", error.what()}});
    }
    for (WorkerProcess& process : processes_)
        if (process.spec().isSource && process.isRunning())
            process.send(MessageType::Reapply);
    if (isReadyTold_)
        notifier_.notify("READY=1");
}

/** Only after READY=1: before, the service manager knows of no reload. */
void Supervisor::tellReloading() {
    notifier_.notify("RELOADING=1\nMONOTONIC_USEC=" +
                     std::to_string(toMicroseconds(timers_.now())));
}

protocol::Settings Supervisor::readSettingsAgain() const {
    protocol::Settings settings = readOptions(argv_).settings;
    for (const char* name : {kRunStateDir, "run-as", "worker-dir"})
        if (settings.text(name) != settings_.text(name))
            throw StartError{ExitCode::Configuration,
                             std::string{"--"} + name + " changes only when mmsd is restarted"};
    return settings;
}

void Supervisor::apply(protocol::Settings settings) {
    std::vector<ProcessPlan> plans = planProcesses(settings, isRoot_);
    prepareDirectories(plans, runState_);
    const auto wanted = enabledListeners(plans);
    ListenSockets opened = listeners_.openMissing(wanted);

    // All that could fail has been done: from here on the new settings are in force.
    const bool isLevelNew = settings.logLevel() != settings_.logLevel();
    listeners_.adopt(std::move(opened), wanted);
    settings_ = std::move(settings);
    plans_.swap(plans);
    // What is enabled from now on must not end what runs already.
    isStarting_ = false;
    configureLog(logConfig(settings_));
    for (std::size_t i = 0; i < plans_.size(); ++i) {
        WorkerProcess& process = processes_[i];
        if (!plans_[i].isEnabled) {
            process.stop();
        } else if (!plans[i].isEnabled || needsRestart(plans[i], plans_[i])) {
            process.start();
        } else if (isLevelNew) {
            process.send(MessageType::SetLogLevel, protocol::encodeLogLevel(settings_.logLevel()));
        }
    }
}

void Supervisor::shutDown() {
    if (isStopping_) {
        logWarning("asked to stop again: all processes are killed");
        std::ranges::for_each(processes_, &WorkerProcess::kill);
        return;
    }
    isStopping_ = true;
    logInfo("stopping");
    notifier_.notify("STOPPING=1\nSTATUS=stopping");
    for (WorkerProcess& process : processes_)
        if (!process.spec().isSource)
            process.stop();
    continueShutdown();
}

void Supervisor::continueShutdown() {
    const bool areWorkersGone = std::ranges::all_of(processes_, [](const WorkerProcess& process) {
        return process.spec().isSource || process.isStopped();
    });
    if (!areWorkersGone)
        return;
    for (WorkerProcess& process : processes_)
        if (process.isWanted())
            process.stop();
    if (std::ranges::all_of(processes_, &WorkerProcess::isStopped))
        loop_.stop();
}

void Supervisor::publishStatus() {
    tellServiceManager();
    for (WorkerProcess& receiver : processes_) {
        if (!receiver.spec().receivesProcessStatus || !receiver.isRunning())
            continue;
        // Reports wait here, one per process, and not in the queue of a receiver that is slow.
        if (receiver.hasUnsent()) {
            statusTimer_->start(timing_.statusDelay);
            return;
        }
        receiver.send(MessageType::ProcessStatus, protocol::encode(processStatus()));
        for (const WorkerProcess& process : processes_)
            if (process.hasNewStatus())
                receiver.send(MessageType::Status, process.status());
    }
    for (WorkerProcess& process : processes_)
        process.markStatus(false);
}

protocol::ProcessStatus Supervisor::processStatus() const {
    protocol::ProcessStatus status{.generation = relay_.generation(), .processes = {}};
    for (const WorkerProcess& process : processes_)
        if (process.isWanted() || !process.isStopped())
            status.processes.push_back(process.info());
    return status;
}

void Supervisor::tellServiceManager() {
    if (isStopping_)
        return;
    const protocol::ProcessStatus status = processStatus();
    const auto running = std::ranges::count(status.processes, protocol::Phase::Running,
                                            &protocol::ProcessInfo::phase);
    std::string text{toString(source_.state)};
    if (!source_.text.empty())
        text +=
            (source_.state == protocol::SourceState::Unreachable ? ": " : " to ") + source_.text;
    text += ", generation " + std::to_string(status.generation) + ", " + std::to_string(running) +
            '/' + std::to_string(status.processes.size()) + " processes running";
    if (text != serviceStatus_)
        notifier_.notify("STATUS=" + text);
    serviceStatus_ = std::move(text);
    if (!isReadyTold_ && isServiceReady()) {
        isReadyTold_ = true;
        logInfo("ready", {{"generation", status.generation}});
        notifier_.notify("READY=1");
    }
}

bool Supervisor::isServiceReady() const {
    const auto isAll = [this](auto isGood) { return std::ranges::all_of(processes_, isGood); };
    if (source_.state == protocol::SourceState::Connecting ||
        !isAll([](const WorkerProcess& each) { return !each.isWanted() || each.isRunning(); }))
        return false;
    // The first boot with Marathon away has no snapshot on disk, and no worker anything to apply:
    // what waits for this service must not wait for Marathon. A rejected snapshot counts, too:
    // the others serve, and a restart by the service manager would not help.
    if (source_.state == protocol::SourceState::Unreachable && relay_.generation() == 0)
        return true;
    return isAll([](const WorkerProcess& each) {
        return !each.isWanted() || each.spec().isSource || each.hasAcknowledged();
    });
}

void Supervisor::logStatus() const {
    for (const protocol::ProcessInfo& info : processStatus().processes) {
        const std::uint64_t age = toMicroseconds(timers_.now()) - info.startedAtUs;
        logInfo("process", {{"process", info.name},
                            {"child", info.pid},
                            {"phase", toString(info.phase)},
                            {"generation", info.generation},
                            {"age_ms", info.pid == 0 ? 0 : age / 1000},
                            {"restarts", info.restarts},
                            {"last_result", info.lastResult}});
    }
    logInfo("supervisor", {{"generation", relay_.generation()},
                           {"source", toString(source_.state)},
                           {"text", source_.text},
                           {"ready", isReadyTold_}});
}

} // namespace mmsd::supervisor
