// SPDX-License-Identifier: MIT
// Reloader: one start or reload, from wanted text to a serving process.
#include "workers/haproxy-manager/reloader.h"

#include "common/log.h"
#include "common/sys_error.h"
#include "workers/haproxy-manager/runtime_session.h"

#include <algorithm>
#include <exception>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;

constexpr auto kHookLimit = 10s;
constexpr auto kHookPause = 20ms;
constexpr auto kStateLimit = 5s;
/** Each round puts somebody into quarantine; a configuration that needs more is beyond help. */
constexpr unsigned kMostRounds = 10;

/** Proxies of @p config that @p running has not, or has otherwise. */
std::vector<std::string> changedProxies(const Config& config, const Config& running) {
    std::vector<std::string> names;
    for (const FragmentPtr& fragment : config.fragments) {
        const Fragment* const last = running.find(fragment->proxy);
        if (last == nullptr || !isSameShape(*last, *fragment))
            names.push_back(fragment->proxy);
    }
    return names;
}

} // namespace

Reloader::Reloader(Reactor reactor, const ManagerOptions& options, ConfigStore& store,
                   ProcessControl& processes, Quarantine& quarantine)
    : reactor_{reactor}, options_{options}, store_{store}, processes_{processes},
      quarantine_{quarantine}, checker_{reactor, store, options.binary} {}

Task<ReloadOutcome> Reloader::reload(Config wanted, const Config& running, bool keepsServerStates) {
    ReloadOutcome outcome;
    Attempt attempt{.inheritsSockets = options_.inheritsSockets};
    while (afterHook_.isRunning()) // the one of the last reload; it ends within its limit
        co_await Pause{reactor_, kHookPause};
    std::exception_ptr failure;
    try {
        co_await tryToServe(wanted, running, keepsServerStates, attempt, outcome);
    } catch (...) {
        failure = std::current_exception();
    }
    // What the one command did around a start that failed, the other has to undo, too.
    if (outcome.isServing || attempt.isHookDone)
        startAfterHook();
    if (failure)
        std::rethrow_exception(failure);
    co_return outcome;
}

/** Tries until something serves or nothing is left to try. */
Task<> Reloader::tryToServe(const Config& wanted, const Config& running, bool keepsServerStates,
                            Attempt& attempt, ReloadOutcome& outcome) {
    for (unsigned round = 0; round < kMostRounds; ++round) {
        const std::uint64_t generation = processes_.nextGeneration();
        // A start with -x is a check in itself: what it refuses costs the old process nothing. The
        // operator's command must not run for a configuration that is refused, though.
        const bool mustCheck = attempt.mustCheck || !options_.beforeCommand.empty();
        const bool isUsable = co_await prepare(generation, wanted, running, mustCheck, outcome);
        if (!isUsable)
            co_return;
        if (attempt.mustCheck && processes_.current() != nullptr && outcome.config == running) {
            outcome.isUnchanged = true; // all that was new is in quarantine
            co_return;
        }
        if (!attempt.isHookDone && !options_.beforeCommand.empty()) {
            attempt.isHookDone = true;
            co_await runBeforeHook(outcome);
        }
        if (keepsServerStates && processes_.current() != nullptr) {
            const std::string states = co_await serverStates(running, outcome.config);
            store_.writeServerStates(generation, states);
        }
        StartResult started =
            co_await processes_.start(generation, outcome.config, attempt.inheritsSockets);
        if (started.process) {
            logInfo("HAProxy serves", {{"pid", started.process->pid()},
                                       {"generation", generation},
                                       {"app_ports", outcome.config.fragments.size()}});
            processes_.makeCurrent(std::move(started.process));
            store_.makeCurrent(generation);
            outcome.isServing = true;
            co_return;
        }
        const bool mayRetry = co_await learnFrom(started, mustCheck, attempt, outcome);
        store_.removeFolder(generation);
        store_.removeSocket(generation);
        if (!mayRetry)
            co_return;
    }
}

/** Draws the conclusions from a start that failed. @return false if there are none */
Task<bool> Reloader::learnFrom(const StartResult& started, bool wasChecked, Attempt& attempt,
                               ReloadOutcome& outcome) {
    const Blame blame = readBlame(started.output, outcome.config, render(outcome.config));
    outcome.reason = "HAProxy did not start (" + started.how + "): " + blame.firstAlert;
    logWarning("HAProxy did not start", {{"how", started.how}, {"reason", blame.firstAlert}});
    if (blame.areSocketsLost && attempt.inheritsSockets) {
        attempt.inheritsSockets = false;
        co_await processes_.judgeCurrent();
        co_return true;
    }
    if (!wasChecked) {
        attempt.mustCheck = true; // the check tells refused text from ports that are taken
        co_return true;
    }
    for (const auto& [proxy, message] : blame.proxies)
        quarantine_.addBusy(outcome.config.find(proxy)->servicePort, message);
    co_return !blame.proxies.empty();
}

/** Writes the files. @return false if nothing usable is left */
Task<bool> Reloader::prepare(std::uint64_t generation, const Config& wanted, const Config& running,
                             bool mustCheck, ReloadOutcome& outcome) {
    if (mustCheck)
        co_return co_await makeValid(generation, wanted, running, outcome);
    outcome.config = compose(wanted, running);
    store_.write(generation, outcome.config);
    co_return true;
}

Config Reloader::compose(const Config& wanted, const Config& running) const {
    std::vector<protocol::Refusal> ignored;
    Config config = quarantine_.compose(wanted, running, ignored);
    if (isTailBad(config.tail))
        config.tail.clear();
    return config;
}

Task<bool> Reloader::makeValid(std::uint64_t generation, const Config& wanted,
                               const Config& running, ReloadOutcome& outcome) {
    for (unsigned round = 0; round < kMostRounds; ++round) {
        outcome.config = compose(wanted, running);
        const ConfigChecker::Verdict verdict = co_await checker_.check(generation, outcome.config);
        if (verdict.isValid)
            co_return true;
        outcome.reason = "HAProxy refuses the configuration: " + verdict.blame.firstAlert;
        logWarning("HAProxy refuses a configuration", {{"reason", verdict.blame.firstAlert}});
        const bool isSomebodyBlamed =
            co_await blame(generation, outcome.config, running, verdict.blame);
        if (!isSomebodyBlamed)
            break;
    }
    store_.removeFolder(generation);
    co_return false;
}

/** Puts whoever is to blame aside. @return false if nobody could be found */
Task<bool> Reloader::blame(std::uint64_t generation, const Config& config, const Config& running,
                           const Blame& blame) {
    if (blame.isTailBlamed)
        refuseTail(config.tail, blame.tailAlert);
    std::map<std::string, std::string> culprits = blame.proxies;
    if (blame.isEmpty()) {
        if (!config.tail.empty()) {
            // It may break something without being named.
            Config withoutTail = config;
            withoutTail.tail.clear();
            const auto verdict = co_await checker_.check(generation, withoutTail);
            if (verdict.isValid) {
                refuseTail(config.tail, blame.firstAlert);
                co_return true;
            }
        }
        culprits =
            co_await checker_.search(generation, config, changedProxies(config, running), running);
    }
    for (const auto& [proxy, message] : culprits) {
        const Fragment* const fragment = config.find(proxy);
        logWarning(
            "app port refused by HAProxy",
            {{"app", fragment->appId}, {"port_index", fragment->portIndex}, {"reason", message}});
        quarantine_.add(*fragment, "refused by HAProxy: " + message);
    }
    co_return blame.isTailBlamed || !culprits.empty();
}

void Reloader::refuseTail(const std::string& tail, const std::string& message) {
    badTail_ = tail;
    tailMessage_ = "refused by HAProxy: " + message;
}

/** A command that fails is told and no more: it must not keep all load balancing down. */
Task<> Reloader::runBeforeHook(ReloadOutcome& outcome) {
    const CommandResult result = co_await runHook(options_.beforeCommand, "before");
    if (!result.isSuccess)
        outcome.note = "--haproxy-before-cmd failed: " + result.how;
}

Task<CommandResult> Reloader::runHook(std::string command, std::string when) {
    // The operator's own text, so a shell may read it; $1 keeps the argument out of that.
    SpawnRequest request{
        .arguments = {"/bin/sh", "-c", command + " \"$1\"", "mmsd", when},
        .environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}};
    CommandResult result = co_await runCommand(reactor_, std::move(request), kHookLimit);
    if (!result.isSuccess) {
        ++commandFailures_;
        logError("command failed", {{"command", command},
                                    {"argument", when},
                                    {"how", result.how},
                                    {"output", result.output}});
    }
    co_return result;
}

void Reloader::startAfterHook() {
    if (options_.afterCommand.empty())
        return;
    afterHook_ = runAfterHook(options_.afterCommand);
    afterHook_.start();
}

Task<> Reloader::runAfterHook(std::string command) {
    try {
        static_cast<void>(co_await runHook(std::move(command), "after"));
    } catch (const std::exception& error) {
        logError("command failed", {{"reason", error.what()}});
    }
}

/** Without them every server would count as up until its first failed check. */
Task<std::string> Reloader::serverStates(const Config& running, const Config& next) {
    try {
        RuntimeSession session{reactor_, store_.socketPath(processes_.current()->generation()),
                               kStateLimit};
        co_await session.open();
        const std::string reply = co_await session.ask("show servers state");
        co_return filterServerStates(reply, running, next);
    } catch (const std::runtime_error& error) {
        logWarning("states of servers are lost in this reload", {{"reason", error.what()}});
        co_return "1\n";
    }
}

} // namespace mmsd::haproxy
