// SPDX-License-Identifier: MIT
// Reloader: one start or reload, from wanted text to a serving process.
#pragma once

#include "workers/haproxy-manager/async.h"
#include "workers/haproxy-manager/child_process.h"
#include "workers/haproxy-manager/config_checker.h"
#include "workers/haproxy-manager/config_store.h"
#include "workers/haproxy-manager/manager_options.h"
#include "workers/haproxy-manager/process_control.h"
#include "workers/haproxy-manager/quarantine.h"

#include <string>
#include <vector>

namespace mmsd::haproxy {

/** How a reload ended. */
struct ReloadOutcome {
    bool isServing = false;   ///< a new process serves @c config
    bool isUnchanged = false; ///< what is left of the wanted runs already
    std::string reason;       ///< why not
    std::string note;         ///< what went wrong although it serves
    Config config;
};

/** Drives a configuration through check, commands, start and hand-over. Whatever fails, the old
 *  process serves on; whoever is to blame goes into quarantine. */
class Reloader {
public:
    Reloader(Reactor reactor, const ManagerOptions& options, ConfigStore& store,
             ProcessControl& processes, Quarantine& quarantine);

    /** @param wanted  taken apart as the quarantine says, also while this runs
     *  @param running what the current process has; its bad apps' last good forms
     *  @param keepsServerStates whether servers' states survive, as far as @p running has them */
    Task<ReloadOutcome> reload(Config wanted, const Config& running, bool keepsServerStates);

    [[nodiscard]] std::uint64_t checkCount() const noexcept { return checker_.count(); }
    /** Of the operator's commands. */
    [[nodiscard]] std::uint64_t commandFailureCount() const noexcept { return commandFailures_; }
    /** True if the tail was refused. */
    [[nodiscard]] bool isTailBad(const std::string& tail) const noexcept {
        return !tail.empty() && tail == badTail_;
    }
    /** What it refers to may be there now. */
    void forgetTail() noexcept { badTail_.clear(); }
    /** What HAProxy said to the tail that was refused. */
    [[nodiscard]] const std::string& tailMessage() const noexcept { return tailMessage_; }

private:
    /** What is known after the tries so far. */
    struct Attempt {
        bool inheritsSockets = true;
        bool mustCheck = false;
        bool isHookDone = false;
    };
    Task<> tryToServe(const Config& wanted, const Config& running, bool keepsServerStates,
                      Attempt& attempt, ReloadOutcome& outcome);
    Task<bool> prepare(std::uint64_t generation, const Config& wanted, const Config& running,
                       bool mustCheck, ReloadOutcome& outcome);
    [[nodiscard]] Config compose(const Config& wanted, const Config& running) const;
    Task<bool> learnFrom(const StartResult& started, bool wasChecked, Attempt& attempt,
                         ReloadOutcome& outcome);
    Task<bool> makeValid(std::uint64_t generation, const Config& wanted, const Config& running,
                         ReloadOutcome& outcome);
    Task<bool> blame(std::uint64_t generation, const Config& config, const Config& running,
                     const Blame& blame);
    Task<> runBeforeHook(ReloadOutcome& outcome);
    Task<CommandResult> runHook(std::string command, std::string when);
    void startAfterHook();
    Task<> runAfterHook(std::string command);
    void refuseTail(const std::string& tail, const std::string& message);
    Task<std::string> serverStates(const Config& running, const Config& next);

    Reactor reactor_;
    const ManagerOptions& options_;
    ConfigStore& store_;
    ProcessControl& processes_;
    Quarantine& quarantine_;
    ConfigChecker checker_;
    std::string badTail_;
    std::string tailMessage_;
    std::uint64_t commandFailures_ = 0;
    Task<> afterHook_;
};

} // namespace mmsd::haproxy
