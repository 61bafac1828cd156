// SPDX-License-Identifier: MIT
// SupervisedRun: a worker's life under the supervisor, from Hello to the end of the channel.
#include "workers/runtime/supervised_run.h"

#include "common/event_loop.h"
#include "common/log.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "common/text.h"
#include "protocol/protocol_error.h"
#include "protocol/wire_reader.h"
#include "workers/runtime/inherited_fds.h"

#include <sys/prctl.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <string>
#include <utility>

namespace mmsd::worker {

namespace {

using protocol::MessageType;

/** A burst of applies costs one report per this time. */
constexpr std::chrono::milliseconds kStatusSpacing{200};
/** Without any apply, gauges are this fresh. */
constexpr std::chrono::milliseconds kStatusInterval{5000};
/** Lines about refusals per report; /v1/status has them all. */
constexpr std::size_t kRefusalsLogged = 100;

/** Looks at the version before anything else: the rest of another version's Hello may differ. */
void checkVersion(protocol::PayloadView hello) {
    const std::uint32_t version = protocol::WireReader{hello}.u32();
    if (version != protocol::kProtocolVersion)
        throw StartError{ExitCode::Configuration,
                         "half-upgraded package: mmsd speaks protocol version " +
                             std::to_string(version) + ", this program version " +
                             std::to_string(protocol::kProtocolVersion)};
}

/** Accepts "dns-server-2", the second process of "dns-server", and shows its number in ps. */
void takeProcessName(const WorkerDefinition& definition, std::string_view name) {
    const std::string_view own = definition.process;
    if (name == own)
        return;
    const std::string_view suffix = name.substr(std::min(own.size(), name.size()));
    if (!name.starts_with(own) || !suffix.starts_with('-') ||
        parseNumber<std::uint16_t>(suffix.substr(1)).value_or(0) < 2)
        throw StartError{ExitCode::Configuration,
                         "started as " + std::string{name} + ", but this is " + definition.process};
    const std::string shown = definition.commandName + std::string{suffix};
    if (::prctl(PR_SET_NAME, shown.c_str(), 0, 0, 0) != 0)
        throwErrno("set the process name");
}

} // namespace

SupervisedRun::SupervisedRun(const WorkerDefinition& definition, WorkerContext& context,
                             UniqueFd channel)
    : definition_{definition}, context_{context}, statusTimer_{context.timers.create(
                                                      [this] { sendStatus(); })},
      stopTimer_{context.timers.create([this] {
          logWarning("did not finish in time, ending anyway");
          finish(ExitCode::Ok);
      })},
      hangAlarm_{context.timers}, onTerminate_{context.loop, SIGTERM, [this] { shutDown(); }},
      onInterrupt_{context.loop, SIGINT, [this] { shutDown(); }}, onHangUp_{context.loop, SIGHUP,
                                                                            [this] {
                                                                                if (queue_)
                                                                                    queue_
                                                                                        ->reapply();
                                                                            }},
      channel_{context.loop, std::move(channel), protocol::Sender::Supervisor, *this} {}

SupervisedRun::~SupervisedRun() = default;

ExitCode SupervisedRun::run() {
    context_.loop.run();
    return exitCode_;
}

void SupervisedRun::onFrame(const protocol::FrameView& frame) {
    switch (frame.header.type) {
    case MessageType::Hello:
        return start(frame.payload);
    case MessageType::Ping:
        return channel_.send(MessageType::Pong,
                             protocol::encodeToken(protocol::decodeToken(frame.payload)));
    case MessageType::Reapply:
        return queue_->reapply();
    case MessageType::SetLogLevel:
        return setLogLevel(protocol::decodeLogLevel(frame.payload));
    case MessageType::Shutdown:
        if (worker_)
            worker_->retire();
        return shutDown();
    case MessageType::SnapshotTarget:
        target_ = frame.header.generation;
        whyRefused_.clear();
        return;
    case MessageType::SnapshotBegin:
    case MessageType::SnapshotApp:
    case MessageType::SnapshotInstances:
    case MessageType::SnapshotRemoved:
    case MessageType::SnapshotEnd:
        return takeSnapshotFrame(frame);
    case MessageType::Status:
        return takeStatus(frame.payload);
    case MessageType::ProcessStatus:
        return worker_->onProcessStatus(protocol::decodeProcessStatus(frame.payload));
    default:
        throw protocol::ProtocolError{"unexpected message " +
                                      std::string{toString(frame.header.type)}};
    }
}

void SupervisedRun::onChannelClosed(std::string_view reason) {
    if (reason.starts_with(protocol::kClosedByPeer))
        return finish(ExitCode::Ok); // the supervisor is gone: nobody is left to serve
    logError("channel to the supervisor broken", {{"reason", reason}});
    finish(ExitCode::OperatingSystem);
}

void SupervisedRun::start(protocol::PayloadView payload) {
    checkVersion(payload);
    const protocol::Hello hello = protocol::decodeHello(payload);
    takeProcessName(definition_, hello.process);
    setLogLevel(hello.logLevel);
    context_.sockets = adoptSockets(hello.sockets);

    worker_ = createWorker(definition_, context_);
    queue_.emplace(*worker_, context_.timers,
                   [this](std::uint64_t generation, const protocol::SnapshotApplied& applied) {
                       onApplied(generation, applied);
                   });
    const SandboxState sandbox =
        lockIn(definition_, {}, {definition_.writableFolders(context_.settings), {}});
    channel_.send(MessageType::Ready,
                  encode(protocol::Ready{protocol::kProtocolVersion, sandbox.hasSyscallFilter,
                                         static_cast<std::uint8_t>(sandbox.landlockAbi)}));
    logInfo("ready", {{"landlock_abi", sandbox.landlockAbi}});
    sendStatus();
}

/** States on the way to the target are never applied: they are the past. */
void SupervisedRun::takeSnapshotFrame(const protocol::FrameView& frame) {
    const bool isLast =
        frame.header.type == MessageType::SnapshotEnd && frame.header.generation == target_;
    try {
        if (whyRefused_.empty() && assembler_.take(frame) && isLast) {
            const auto& snapshot = assembler_.last();
            observedAt_[target_] =
                std::chrono::microseconds{static_cast<std::int64_t>(snapshot->begin.observedAtUs)};
            queue_->push(snapshot);
        }
    } catch (const protocol::ProtocolError& error) {
        // Not the supervisor's fault, who does not decode apps: the old state stays in force.
        whyRefused_ = error.what();
        logError("snapshot rejected", {{"generation", target_}, {"reason", whyRefused_}});
    }
    // Not before all has been read: an answer asks for the next one.
    if (isLast && !whyRefused_.empty())
        onApplied(target_, {protocol::ApplyResult::Rejected, {}, whyRefused_});
}

void SupervisedRun::takeStatus(protocol::PayloadView wrapped) {
    const auto [process, report] = protocol::unwrapStatus(wrapped);
    try {
        worker_->onWorkerStatus(process, protocol::decodeStatusReport(report));
    } catch (const protocol::ProtocolError& error) {
        // Relayed undecoded: another process's mistake must not end this one.
        logWarning("status report ignored", {{"process", process}, {"reason", error.what()}});
    }
}

void SupervisedRun::onApplied(std::uint64_t generation, const protocol::SnapshotApplied& applied) {
    const bool isRejected = applied.result == protocol::ApplyResult::Rejected;
    ++(isRejected ? rejectedCount_ : appliedCount_);
    if (!isRejected)
        lastDuration_ = applied.duration;
    // A reapply was asked for by a signal or by Reapply; the supervisor awaits no answer to it.
    observeConvergence(generation, applied);
    if (generation != 0)
        channel_.send(MessageType::SnapshotApplied, encode(applied), generation);
    sendStatusSoon();
}

/** Counts what was applied whole. The first snapshot's age tells when this process was started, and
 *  one that a newer replaced while it waited comes into force with that one. */
void SupervisedRun::observeConvergence(std::uint64_t generation,
                                       const protocol::SnapshotApplied& applied) {
    const auto observed = observedAt_.find(generation);
    if (observed == observedAt_.end())
        return;
    const bool isWhole = applied.result == protocol::ApplyResult::Applied && applied.text.empty();
    if (hasState_ && isWhole) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        convergence_.observe(std::chrono::duration_cast<std::chrono::microseconds>(now) -
                             observed->second);
    }
    hasState_ = hasState_ || applied.result != protocol::ApplyResult::Rejected;
    observedAt_.erase(observedAt_.begin(), std::next(observed));
}

void SupervisedRun::sendStatusSoon() {
    const auto age =
        std::chrono::duration_cast<std::chrono::milliseconds>(context_.timers.now() - lastStatus_);
    if (age >= kStatusSpacing)
        sendStatus();
    else
        statusTimer_->start(kStatusSpacing - age);
}

void SupervisedRun::sendStatus() {
    using enum protocol::Metric::Kind;
    protocol::StatusReport report = worker_->report();
    logRefusals(report.refusals);
    report.metrics.push_back(
        {"snapshots_applied_total", Counter, {}, static_cast<double>(appliedCount_)});
    report.metrics.push_back(
        {"snapshots_rejected_total", Counter, {}, static_cast<double>(rejectedCount_)});
    report.metrics.push_back({"last_apply_duration_seconds",
                              Gauge,
                              {},
                              std::chrono::duration<double>{lastDuration_}.count()});
    convergence_.appendMetrics(report.metrics);
    channel_.send(MessageType::Status, encode(report));
    lastStatus_ = context_.timers.now();
    statusTimer_->start(kStatusInterval);
}

/** One line when something is refused, and none while it stays so. */
void SupervisedRun::logRefusals(const std::vector<protocol::Refusal>& refusals) {
    std::set<std::string> current;
    for (const protocol::Refusal& refusal : refusals) {
        const std::string port =
            refusal.portIndex == protocol::kWholeApp ? "" : std::to_string(refusal.portIndex);
        std::string key = refusal.appId + '\0' + port + '\0' + refusal.reason;
        if (!refusalsLogged_.contains(key) && current.size() < kRefusalsLogged)
            logWarning("refused",
                       {{"app", refusal.appId}, {"port_index", port}, {"reason", refusal.reason}});
        current.insert(std::move(key));
    }
    refusalsLogged_.swap(current);
}

void SupervisedRun::shutDown() {
    if (std::exchange(isStopping_, true))
        return;
    logInfo("stopping");
    if (!worker_)
        return finish(ExitCode::Ok);
    queue_->close();
    stopTimer_->start(kShutDownLimit);
    worker_->shutDown([this] { finish(ExitCode::Ok); });
}

void SupervisedRun::finish(ExitCode code) {
    exitCode_ = code;
    context_.loop.stop();
}

} // namespace mmsd::worker
