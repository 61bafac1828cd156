// SPDX-License-Identifier: MIT
// The life of one child process.
#include "daemon/worker_process.h"

#include "common/duration.h"
#include "common/log.h"
#include "common/sys_error.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mmsd::supervisor {

using protocol::MessageType;
using protocol::Phase;
using protocol::ProtocolError;

std::uint64_t toMicroseconds(TimerFactory::TimePoint time) noexcept {
    const auto since =
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
    return static_cast<std::uint64_t>(since.count());
}

std::chrono::milliseconds restartDelay(const ProcessEnd& end, const Timing& timing,
                                       Backoff& backoff) noexcept {
    if (end.isClean && end.uptime >= timing.leastCleanRun)
        return std::chrono::milliseconds::zero();
    return backoff.next(end.uptime);
}

std::string describeEnd(int code, int status) {
    if (code == CLD_EXITED)
        return "exited with status " + std::to_string(status);
    const char* name = ::sigdescr_np(status);
    return "killed by signal " + std::to_string(status) + " (" + (name ? name : "?") + ")";
}

WorkerProcess::WorkerProcess(const WorkerSpec& spec, Context context)
    : spec_{spec}, context_{context}, backoff_{context.timing.backoff},
      timer_{context.timers.create([this] { onTimer(); })} {
    info_.name = spec.name;
}

void WorkerProcess::start() {
    isWanted_ = true;
    if (child_.pid == 0) {
        launchNow();
        return;
    }
    isReplaced_ = true;
    terminate();
}

void WorkerProcess::stop() {
    isWanted_ = false;
    // Its last run has left something behind that only another run can end.
    if (child_.pid == 0 && spec_.leavesProcesses && info_.phase == Phase::BackingOff)
        launchNow();
    if (child_.pid != 0) {
        terminate();
        return;
    }
    timer_->stop();
    enter(Phase::Stopped);
}

void WorkerProcess::terminate() {
    // Shutdown is for good; a process that is replaced hears of it by signal only, like from an
    // operator, and leaves running what its successor takes over.
    if (isWanted_)
        signal(SIGTERM);
    else
        send(MessageType::Shutdown);
    timer_->start(spec_.isSource ? context_.timing.sourceGrace : context_.timing.workerGrace);
    enter(Phase::Stopping);
}

void WorkerProcess::signal(int number) noexcept {
    if (child_.pid != 0)
        signalChild(child_, number);
}

void WorkerProcess::send(MessageType type, protocol::PayloadView payload) {
    if (channel_)
        channel_->send(type, payload);
}

void WorkerProcess::offer(const SnapshotRelay& relay) {
    if (spec_.isSource || !isRunning())
        return;
    const SnapshotChain chain = delivery_.next(relay);
    if (chain.empty())
        return;
    offeredAt_ = context_.timers.now();
    channel_->send(MessageType::SnapshotTarget, {}, relay.generation());
    for (const SnapshotLink& link : chain)
        channel_->send(link.frames);
}

void WorkerProcess::enter(Phase phase) {
    info_.phase = phase;
    context_.owner.onChange(*this);
}

void WorkerProcess::launchNow() {
    timer_->stop();
    delivery_ = {};
    failure_.clear();
    failureCode_ = ExitCode::OperatingSystem;
    isReplaced_ = isPingPending_ = false;
    readyAt_ = {};
    info_.generation = info_.appliedAtUs = 0;
    framesSincePing_ = 0;
    try {
        const Owner::Start start = context_.owner.prepareStart(*this);
        child_ = launch(start.plan);
        channel_ = std::make_unique<protocol::Channel>(
            context_.loop, std::move(child_.channel),
            spec_.isSource ? protocol::Sender::Watcher : protocol::Sender::Worker, *this);
        channel_->send(MessageType::Hello, protocol::encode(start.hello));
    } catch (const std::exception& error) {
        kill();
        if (child_.pid != 0)
            ::waitpid(child_.pid, nullptr, 0); // killed: it ends now
        finish({.text = error.what()});
        return;
    }
    info_.pid = static_cast<std::uint32_t>(child_.pid);
    info_.restarts += info_.startedAtUs != 0 ? 1 : 0;
    info_.startedAtUs = toMicroseconds(context_.timers.now());
    hasPidFile_ = context_.runState.writePidFile(spec_.name, child_.pid);
    if (!hasPidFile_)
        logWarning("no pid file yet", {{"process", spec_.name}, {"reason", std::strerror(errno)}});
    logInfo("process started", {{"process", spec_.name}, {"child", child_.pid}});
    timer_->start(context_.timing.readyTimeout);
    enter(Phase::Starting);
}

void WorkerProcess::adopt(Inherited former, uid_t user) {
    info_.restarts = former.restarts;
    info_.startedAtUs = toMicroseconds(context_.timers.now());
    if (former.pid == 0)
        return;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(former.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        throwErrno("take over process " + std::to_string(former.pid));
    child_ = {former.pid, user, std::move(former.fd), UniqueFd{}};
    info_.pid = static_cast<std::uint32_t>(former.pid);
}

int WorkerProcess::channelFd() const noexcept {
    return channel_ ? channel_->socket() : child_.channel.get();
}

void WorkerProcess::fail(std::string reason, ExitCode code) {
    logError("process is killed",
             {{"process", spec_.name}, {"child", child_.pid}, {"reason", reason}});
    failure_ = std::move(reason);
    failureCode_ = code;
    channel_.reset();
    timer_->stop();
    kill();
    enter(Phase::Stopping);
}

void WorkerProcess::onTimer() {
    switch (info_.phase) {
    case Phase::Starting:
        fail("not ready within " + formatDuration(context_.timing.readyTimeout));
        return;
    case Phase::Running:
        if (isPingPending_) {
            fail("no answer to a ping within " + formatDuration(context_.timing.pingTimeout));
            return;
        }
        if (delivery_.isInFlight() &&
            context_.timers.now() - offeredAt_ > context_.timing.applyTimeout) {
            fail("no answer to a snapshot within " + formatDuration(context_.timing.applyTimeout));
            return;
        }
        hasPidFile_ = hasPidFile_ || context_.runState.writePidFile(spec_.name, child_.pid);
        isPingPending_ = true;
        framesSincePing_ = 0;
        timer_->start(context_.timing.pingTimeout);
        send(MessageType::Ping, protocol::encodeToken(++pingToken_));
        return;
    case Phase::Stopping:
        logWarning("process does not end: it is killed",
                   {{"process", spec_.name}, {"child", child_.pid}});
        kill();
        return;
    case Phase::BackingOff:
        launchNow();
        return;
    case Phase::Stopped:
        return;
    }
}

void WorkerProcess::onFrame(const protocol::FrameView& frame) {
    // Snapshots of the source are its work; of all else nobody has so much to say.
    const bool isWork = spec_.isSource && frame.header.generation != 0;
    if (!isWork && ++framesSincePing_ > context_.timing.framesPerPing)
        throw ProtocolError{"floods"};
    switch (frame.header.type) {
    case MessageType::Ready:
        onReadyFrame(frame.payload);
        return;
    case MessageType::Pong:
        if (!isPingPending_ || protocol::decodeToken(frame.payload) != pingToken_)
            throw ProtocolError{"Pong without a Ping"};
        isPingPending_ = false;
        if (isRunning())
            timer_->start(context_.timing.pingInterval);
        return;
    case MessageType::SnapshotApplied: {
        if (channel_->hasUnsentShared()) // else each answer would queue the next snapshot
            throw ProtocolError{"answers what it has not read"};
        const protocol::SnapshotApplied applied = protocol::decodeSnapshotApplied(frame.payload);
        // Repetitions are not logged: their number is the worker's choice.
        const bool isTaken = applied.result != protocol::ApplyResult::Rejected;
        const bool isFirst = delivery_.acknowledge(frame.header.generation, isTaken);
        info_.lastResult = toString(applied.result);
        if (isTaken) {
            info_.generation = frame.header.generation;
            info_.appliedAtUs = toMicroseconds(context_.timers.now());
            break;
        }
        info_.lastResult += ": " + applied.text;
        if (isFirst)
            logWarning("snapshot rejected", {{"process", spec_.name},
                                             {"generation", frame.header.generation},
                                             {"reason", applied.text}});
        break;
    }
    case MessageType::Status:
        status_ = protocol::wrapStatus(spec_.name, frame.payload);
        markStatus(true);
        break;
    default:
        context_.owner.onSourceFrame(frame);
        return;
    }
    context_.owner.onChange(*this);
}

void WorkerProcess::onReadyFrame(protocol::PayloadView payload) {
    const protocol::Ready ready = protocol::decodeReady(payload);
    if (ready.version != protocol::kProtocolVersion) {
        fail("speaks protocol version " + std::to_string(ready.version) + " instead of " +
                 std::to_string(protocol::kProtocolVersion) + ": mixed package versions",
             ExitCode::Configuration);
        return;
    }
    if (info_.phase != Phase::Starting)
        return; // it is being stopped
    readyAt_ = context_.timers.now();
    hasBeenReady_ = true;
    logInfo("process ready", {{"process", spec_.name},
                              {"child", child_.pid},
                              {"seccomp", ready.hasSyscallFilter},
                              {"landlock_abi", ready.landlockAbi}});
    timer_->start(context_.timing.pingInterval);
    info_.phase = Phase::Running;
    context_.owner.onReady(*this);
    context_.owner.onChange(*this);
}

void WorkerProcess::onChannelClosed(std::string_view reason) {
    if (!reason.starts_with(protocol::kClosedByPeer)) {
        fail(std::string{reason});
        return;
    }
    // It is about to end, and its exit status tells why; if it does not, the timer kills it.
    channel_.reset();
    if (info_.phase != Phase::Stopping)
        timer_->start(context_.timing.channelGrace);
    enter(Phase::Stopping);
}

void WorkerProcess::onEnd(const siginfo_t& info) {
    const bool isExit = info.si_code == CLD_EXITED;
    ProcessEnd end{.text = describeEnd(info.si_code, info.si_status)};
    if (readyAt_ != TimerFactory::TimePoint{})
        end.uptime =
            std::chrono::duration_cast<std::chrono::milliseconds>(context_.timers.now() - readyAt_);
    if (!failure_.empty()) {
        end.text = failure_;
        end.code = failureCode_;
    } else if (const auto failure = takeLaunchFailure(child_.errorPipe.get())) {
        const bool isRight =
            failure->error == 0 || failure->error == EPERM || failure->error == EACCES;
        end.text = failure->toString();
        end.code = isRight ? ExitCode::Permission : ExitCode::OperatingSystem;
    } else {
        end.isClean = isExit && info.si_status == 0;
        if (isExit && isPermanent(info.si_status))
            end.code = static_cast<ExitCode>(info.si_status);
    }
    finish(std::move(end));
}

void WorkerProcess::finish(ProcessEnd end) {
    const pid_t pid = child_.pid;
    channel_.reset();
    child_ = {};
    context_.runState.removePidFile(spec_.name);
    info_.pid = 0;
    info_.lastResult = end.text;
    timer_->stop();
    const bool isReplaced = std::exchange(isReplaced_, false);
    if (!isWanted_ || (!isReplaced && !context_.owner.mayRestart(*this, end))) {
        isWanted_ = false;
        logInfo("process ended", {{"process", spec_.name}, {"child", pid}, {"how", end.text}});
        enter(Phase::Stopped);
    } else {
        const auto delay = isReplaced ? std::chrono::milliseconds::zero()
                                      : restartDelay(end, context_.timing, backoff_);
        log(end.isClean || isReplaced ? LogLevel::Info : LogLevel::Error, "process ended",
            {{"process", spec_.name},
             {"child", pid},
             {"how", end.text},
             {"uptime_ms", end.uptime},
             {"restart_in_ms", delay}});
        timer_->start(delay);
        enter(Phase::BackingOff);
    }
}

} // namespace mmsd::supervisor
