// SPDX-License-Identifier: MIT
// HaproxyManager: the worker that keeps HAProxy in line with the cluster.
#include "workers/haproxy-manager/haproxy_manager.h"

#include "common/log.h"
#include "common/sys_error.h"
#include "workers/haproxy-manager/bind_preflight.h"
#include "workers/haproxy-manager/feature_probe.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;

/** What somebody else has (a port) or broke (the disk) is tried again this often. */
constexpr auto kRetryInterval = 2s;
/** How long after a signal the supervisor may still say that the stop is for good. */
constexpr auto kRetireNotice = 200ms;
constexpr auto kFirstDeleteDelay = 500ms;
constexpr auto kLongestDeleteDelay = 30s;
/** A failed reload is tried again, at least this much later. */
constexpr auto kRetryDelay = 5s;
/** Before the first, second, third … start of a HAProxy that keeps dying. */
constexpr std::array<std::chrono::milliseconds, 4> kStartDelays{0s, 1s, 2s, 5s};
/** A run of this length forgives the crashes before it. */
constexpr auto kGoodRun = 60s;

} // namespace

HaproxyManager::HaproxyManager(const worker::WorkerContext& context, ManagerOptions options)
    : reactor_{context.loop, context.timers}, options_{std::move(options)}, store_{options_.root},
      processes_{reactor_, store_, options_.binary, [this](const std::string&) { onDied(); }},
      wanted_{options_.rules, options_.config.bindIp}, applier_{reactor_},
      reloader_{reactor_, options_, store_, processes_, quarantine_}, work_{runWork()} {
    for (auto* const timer : {&reloadTimer_, &retryTimer_, &startTimer_, &deleteTimer_})
        *timer = context.timers.create([this] { wakeup_.set(); });
    stopTimer_ = context.timers.create([this] { finishStop(); });
    work_.start();
    startTimer_->start(0ms); // from the loop: then the sandbox is up, and HAProxy inherits it
}

HaproxyManager::~HaproxyManager() = default;

void HaproxyManager::apply(std::shared_ptr<const protocol::Snapshot> snapshot,
                           worker::ApplyDone done) {
    snapshot_ = std::move(snapshot);
    done_ = std::move(done);
    wakeup_.set();
}

void HaproxyManager::reapply(worker::ApplyDone done) {
    mustReload_ = true;
    mustProbe_ = true; // the program may be a new one
    quarantine_.forget();
    reloader_.forgetTail();
    done_ = std::move(done);
    wakeup_.set();
}

void HaproxyManager::retire() {
    isRetired_ = true;
    if (stopped_)
        finishStop();
}

void HaproxyManager::shutDown(std::function<void()> done) {
    stopped_ = std::move(done);
    // A signal to all processes arrives here before the supervisor says that it is for good.
    if (isRetired_)
        finishStop();
    else
        stopTimer_->start(kRetireNotice);
}

/** Without retire() HAProxy serves on; the next manager takes it over. */
void HaproxyManager::finishStop() {
    stopTimer_->stop();
    if (isRetired_ && !isPrepared_) {
        work_ = adoptAndStop();
        work_.start();
        return;
    }
    if (!isRetired_)
        processes_.leaveStarts();
    work_ = {}; // ends what is under way; a start only if nobody could take it over
    if (isRetired_)
        processes_.stopAll();
    stopped_();
}

/** Before the first snapshot nobody has looked yet for what a former manager left. */
Task<> HaproxyManager::adoptAndStop() {
    try {
        co_await processes_.adopt(false);
    } catch (const std::exception& error) {
        logWarning("cannot look for a running HAProxy", {{"reason", error.what()}});
    }
    processes_.stopAll();
    stopped_();
}

/** What leaves work() is a fault of this program: it ends the process by way of the loop. */
Task<> HaproxyManager::runWork() {
    std::exception_ptr failure;
    try {
        co_await work();
    } catch (...) {
        failure = std::current_exception();
    }
    reactor_.loop.guard([failure] { std::rethrow_exception(failure); });
}

Task<> HaproxyManager::work() {
    using protocol::ApplyResult;
    for (;;) {
        co_await wakeup_;
        std::string failure;
        worker::ApplyDone done;
        try {
            if (!isPrepared_)
                co_await prepare();
            isPrepared_ = true;
            // A snapshot that comes during the step waits for the next one.
            done = std::exchange(done_, nullptr);
            co_await step();
            failure = problem_;
        } catch (const std::exception& error) {
            failure = error.what();
            logError("cannot bring HAProxy in line", {{"reason", failure}});
            retryTimer_->start(kRetryInterval);
        }
        if (!isPrepared_)
            done = std::exchange(done_, nullptr);
        if (done)
            done({!failure.empty() ? ApplyResult::Rejected
                  : hasChanged_    ? ApplyResult::Applied
                                   : ApplyResult::Unchanged,
                  !failure.empty() ? failure : note_});
    }
}

Task<> HaproxyManager::prepare() {
    co_await probe();
    co_await processes_.adopt(true);
    if (processes_.current() == nullptr)
        co_return;
    servingSince_ = reactor_.timers.now();
    generation_ = processes_.current()->generation();
    auto config = store_.load(generation_);
    mustReload_ = isRunningUncertain_ = !config;
    if (!config)
        co_return;
    running_ = *std::move(config);
    store_.makeCurrent(generation_); // the manager may have ended right before
    try {
        co_await applier_.verifyAll(store_.socketPath(generation_), running_);
    } catch (const std::runtime_error& error) {
        logWarning("the HAProxy taken over needs a reload", {{"reason", error.what()}});
        mustReload_ = isRunningUncertain_ = true;
    }
}

Task<> HaproxyManager::probe() {
    if (!std::exchange(mustProbe_, false))
        co_return;
    try {
        options_.config.features = co_await probeFeatures(reactor_, options_.binary, store_.root());
    } catch (...) {
        mustProbe_ = true;
        throw;
    }
}

Task<> HaproxyManager::step() {
    problem_.clear();
    note_.clear();
    hasChanged_ = false;
    mustRetry_ = false;
    co_await probe();
    if (processes_.current() == nullptr) {
        const bool isTime = co_await restart();
        if (!isTime) {
            problem_ = "HAProxy is down and waits for its next start";
            co_return;
        }
    }
    if (!snapshot_)
        co_return; // nothing is known yet; what runs runs on

    wanted_.update(snapshot_, running_);
    finishWanted();
    const Config& wanted = wanted_.config();
    preflight();
    quarantine_.keepOnly(wanted);
    refusals_ = wanted_.refusals();
    const std::size_t exposureRefusals = refusals_.size();
    if (processes_.current() == nullptr) {
        co_await reload(wanted, "nothing runs");
    } else {
        std::string reason;
        co_await applyAtRunTime(reason);
        if (mustReload_ && reason.empty())
            reason = "asked for";
        if (!reason.empty())
            co_await reloadIfDue(wanted, std::move(reason));
    }
    // The reload may have put more aside.
    refusals_.resize(exposureRefusals);
    if (!quarantine_.isEmpty())
        static_cast<void>(quarantine_.compose(wanted, running_, refusals_));
    if (reloader_.isTailBad(tail_))
        ownProblems_.tell(tailName(), reloader_.tailMessage());
    ownProblems_.appendTo(refusals_);
    if (note_.empty())
        note_ = ownProblems_.summary();
    if (quarantine_.hasBusy() || mustRetry_)
        retryTimer_->start(kRetryInterval);
    co_await deleteLeaving();
}

/** Without room for their descriptors HAProxy would not start at all. */
void HaproxyManager::limitChecks() {
    const FdDemand& demand = wanted_.demand();
    const std::uint64_t limit = options_.config.hardFdLimit;
    areChecksOn_ = hasRoomForChecks(limit, demand, areChecksOn_);
    std::string reason;
    if (!areChecksOn_)
        reason = std::to_string(demand.checkedServers) + " instances and " +
                 std::to_string(demand.listeners) + " listeners are too many for " +
                 std::to_string(limit) + " descriptors (LimitNOFILE)";
    wanted_.switchChecks(areChecksOn_);
    ownProblems_.tell("health checks by HAProxy", reason);
}

/** Adds to what the apps want what is decided here. */
void HaproxyManager::finishWanted() {
    limitChecks();
    quarantine_.clearBusy();
    ConfigOptions config = options_.config;
    if (!isBindable(config.management, "management page"))
        config.management.port = 0;
    if (config.gateway && !isBindable(config.gateway->http, "gateway, http"))
        config.gateway->http.port = 0;
    if (config.gateway && !isBindable(config.gateway->https, "gateway, https"))
        config.gateway->https.port = 0;
    tail_.clear();
    std::string whyNoTail;
    try {
        tail_ = readTail(options_.tailPath);
    } catch (const SysError& error) {
        whyNoTail = error.what();
        mustRetry_ = true;
    }
    const bool isTailBad = reloader_.isTailBad(tail_);
    if (!isTailBad)
        ownProblems_.tell(tailName(), whyNoTail);
    wanted_.setGlobals(config, isTailBad ? "" : tail_);
}

std::string HaproxyManager::tailName() const {
    return "tail file " + options_.tailPath;
}

/** Whether a listener on a port that is not known to be ours may be ours all the same. */
bool HaproxyManager::mayShareUnknown() const noexcept {
    return isRunningUncertain_ || processes_.haveOthersToEnd();
}

bool HaproxyManager::isBindable(const InetEndpoint& where, const char* what) {
    if (processes_.current() != nullptr &&
        running_.base.find("    bind " + bindText(where) + "\n") != std::string::npos) {
        ownProblems_.tell(what, "");
        return true;
    }
    const auto reason = whyNotBindable(where, mayShareUnknown());
    ownProblems_.tell(what, reason.value_or(""));
    mustRetry_ = mustRetry_ || reason;
    return !reason;
}

void HaproxyManager::preflight() {
    forEachDifference(running_.fragments, wanted_.config().fragments,
                      [this](const Fragment*, const Fragment* f) {
                          if (f == nullptr || wanted_.isHeld(f->servicePort))
                              return;
                          const InetEndpoint where{options_.config.bindIp, f->servicePort};
                          if (const auto reason = whyNotBindable(where, mayShareUnknown()))
                              quarantine_.addBusy(f->servicePort, *reason);
                      });
}

Task<> HaproxyManager::applyAtRunTime(std::string& reloadReason) {
    const std::uint64_t generation = processes_.current()->generation();
    const std::string socket = store_.socketPath(generation);
    try {
        co_await applier_.endDraining(socket, wanted_.draining());
        Plan plan = planFor(wanted_.config());
        reloadReason = plan.reloadReason;
        const bool hasCommands = plan.hasCommands();
        // The files first: a crash in between must not bring the old state back.
        if (hasCommands)
            store_.update(generation, running_, plan.reachable);
        running_ = std::move(plan.reachable);
        if (!hasCommands)
            co_return;
        hasChanged_ = true;
        co_await applier_.apply(socket, plan);
    } catch (const std::runtime_error& error) {
        onRuntimeFailure(error.what());
        reloadReason = "a change at run time failed";
    }
}

/** From what runs to what is wanted, as far as nothing is against it. */
Plan HaproxyManager::planFor(const Config& wanted) {
    const auto plan = [this](const Config& candidate) {
        return reconcile(running_, candidate, wanted_.draining(), applier_.leaving(),
                         options_.config.features.hasDynamicServers());
    };
    return quarantine_.isEmpty() ? plan(wanted)
                                 : plan(quarantine_.compose(wanted, running_, refusals_));
}

void HaproxyManager::onRuntimeFailure(const std::string& reason) {
    ++counters_.runtimeFailures;
    logWarning("a change at run time failed, reloading", {{"reason", reason}});
    mustReload_ = isRunningUncertain_ = true;
}

Task<> HaproxyManager::reloadIfDue(const Config& wanted, std::string reason) {
    const auto wait =
        std::chrono::ceil<std::chrono::milliseconds>(nextReload_ - reactor_.timers.now());
    if (wait > 0ms) {
        reloadTimer_->start(wait);
        logDebug("a reload has to wait", {{"reason", reason}, {"wait_ms", wait}});
        problem_ = reloadProblem_.empty() && isRunningUncertain_ ? reason : reloadProblem_;
        note_ = "a reload waits: " + reason;
        co_return;
    }
    co_await reload(wanted, reason);
}

Task<> HaproxyManager::reload(const Config& wanted, const std::string& reason) {
    logInfo(processes_.current() != nullptr ? "reloading HAProxy" : "starting HAProxy",
            {{"reason", reason}});
    const bool isReload = processes_.current() != nullptr;
    if (isReload)
        nextReload_ = reactor_.timers.now() + options_.reloadInterval;
    ReloadOutcome outcome = co_await reloader_.reload(wanted, running_, !isRunningUncertain_);
    note_ = std::move(outcome.note);
    if (outcome.isUnchanged) {
        reloadProblem_.clear();
        co_return;
    }
    if (!outcome.isServing) {
        ++counters_.failedReloads;
        problem_ = reloadProblem_ = outcome.reason;
        logError(isReload ? "reload failed, HAProxy serves on as before"
                          : "HAProxy cannot be started",
                 {{"reason", outcome.reason}});
        const auto retry =
            std::max<std::chrono::milliseconds>(options_.reloadInterval, kRetryDelay);
        nextReload_ = reactor_.timers.now() + retry;
        reloadTimer_->start(retry);
        if (processes_.current() == nullptr)
            delayNextStart();
        co_return;
    }
    ++(isReload ? counters_.reloads : counters_.starts);
    hasChanged_ = true;
    reloadProblem_.clear();
    mustReload_ = isRunningUncertain_ = false;
    servingSince_ = reactor_.timers.now();
    generation_ = processes_.current()->generation();
    running_ = std::move(outcome.config);
    applier_.forget();
}

void HaproxyManager::onDied() {
    ++counters_.crashes;
    if (reactor_.timers.now() - servingSince_ >= kGoodRun)
        deaths_ = 0;
    delayNextStart();
    wakeup_.set();
}

void HaproxyManager::delayNextStart() {
    const auto delay = kStartDelays[std::min(deaths_++, kStartDelays.size() - 1)];
    nextStart_ = reactor_.timers.now() + delay;
    startTimer_->start(delay);
}

/** The last good configuration at once: it was good a moment ago. Without the operator's commands,
 *  which could take their time. */
Task<bool> HaproxyManager::restart() {
    if (reactor_.timers.now() < nextStart_)
        co_return false;
    if (running_.base.empty())
        co_return true; // nothing ran before
    StartResult started;
    try {
        store_.writeServerStates(generation_, "1\n");
        started = co_await processes_.start(generation_, running_, false);
    } catch (const SysError& error) {
        started.how = error.what(); // somebody removed the files
    }
    if (!started.process) {
        logError("HAProxy does not start again",
                 {{"how", started.how}, {"output", started.output}});
        delayNextStart();
        running_ = {}; // nothing is bound any more, so every port has to be looked at
        co_return true;
    }
    ++counters_.starts;
    logInfo("HAProxy serves again", {{"pid", started.process->pid()}});
    processes_.makeCurrent(std::move(started.process));
    applier_.forget();
    servingSince_ = reactor_.timers.now();
    mustReload_ = isRunningUncertain_ = false; // it has read what is on disk
    co_return true;
}

Task<> HaproxyManager::deleteLeaving() {
    if (processes_.current() == nullptr || !applier_.hasDeletable()) {
        deleteDelay_ = 0ms;
        co_return;
    }
    if (deleteTimer_->isActive() && !hasChanged_)
        co_return;
    try {
        co_await applier_.deleteLeaving(store_.socketPath(processes_.current()->generation()));
    } catch (const std::runtime_error& error) {
        onRuntimeFailure(error.what());
        wakeup_.set(); // for the reload
    }
    deleteDelay_ = hasChanged_ || deleteDelay_ == 0ms
                       ? kFirstDeleteDelay
                       : std::min<std::chrono::milliseconds>(deleteDelay_ * 2, kLongestDeleteDelay);
    if (applier_.hasDeletable())
        deleteTimer_->start(deleteDelay_);
}

protocol::StatusReport HaproxyManager::report() const {
    using enum protocol::Metric::Kind;
    protocol::StatusReport report;
    const auto add = [&report](const char* name, protocol::Metric::Kind kind, auto value) {
        report.metrics.push_back({name, kind, {}, static_cast<double>(value)});
    };
    add("haproxy_up", Gauge, processes_.current() != nullptr ? 1 : 0);
    add("haproxy_starts_total", Counter, counters_.starts);
    add("haproxy_reloads_total", Counter, counters_.reloads);
    add("haproxy_reload_failures_total", Counter, counters_.failedReloads);
    add("haproxy_validations_total", Counter, reloader_.checkCount());
    add("haproxy_runtime_commands_total", Counter, applier_.commandCount());
    add("haproxy_runtime_failures_total", Counter, counters_.runtimeFailures);
    add("haproxy_crashes_total", Counter, counters_.crashes);
    add("haproxy_draining_processes", Gauge, processes_.drainingCount());
    add("haproxy_app_ports", Gauge, running_.fragments.size());
    add("haproxy_refusals", Gauge, refusals_.size());
    add("haproxy_own_problems", Gauge, ownProblems_.all().size());
    add("haproxy_command_failures_total", Counter, reloader_.commandFailureCount());
    add("haproxy_start_seconds", Gauge,
        std::chrono::duration<double>{processes_.lastStartTime()}.count());
    add("haproxy_reload_pending", Gauge, reloadTimer_->isActive() ? 1 : 0);
    report.refusals = refusals_;
    return report;
}

} // namespace mmsd::haproxy
