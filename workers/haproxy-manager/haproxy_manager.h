// SPDX-License-Identifier: MIT
// HaproxyManager: the worker that keeps HAProxy in line with the cluster.
#pragma once

#include "workers/haproxy-manager/async.h"
#include "workers/haproxy-manager/config_store.h"
#include "workers/haproxy-manager/manager_options.h"
#include "workers/haproxy-manager/own_problems.h"
#include "workers/haproxy-manager/process_control.h"
#include "workers/haproxy-manager/quarantine.h"
#include "workers/haproxy-manager/reloader.h"
#include "workers/haproxy-manager/runtime_applier.h"
#include "workers/haproxy-manager/wanted_config.h"
#include "workers/runtime/worker.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Owns everything of this folder. All work is one task that does one step after another; events
 *  only wake it. HAProxy itself outlives it. */
class HaproxyManager final : public worker::Worker {
public:
    /** @throws StartError, SysError if the folder or HAProxy are not there */
    HaproxyManager(const worker::WorkerContext& context, ManagerOptions options);
    ~HaproxyManager() override;

    void apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) override;
    void reapply(worker::ApplyDone done) override;
    [[nodiscard]] protocol::StatusReport report() const override;
    void retire() override;
    void shutDown(std::function<void()> done) override;

private:
    struct Counters {
        std::uint64_t starts = 0;
        std::uint64_t reloads = 0;
        std::uint64_t failedReloads = 0;
        std::uint64_t crashes = 0;
        std::uint64_t runtimeFailures = 0;
    };

    void finishStop();
    Task<> adoptAndStop();
    Task<> runWork();
    Task<> work();
    Task<> prepare();
    Task<> probe();
    Task<> step();
    /** @return false if it is too early */
    Task<bool> restart();
    void onDied();
    void delayNextStart();
    void limitChecks();
    void finishWanted();
    void preflight();
    [[nodiscard]] std::string tailName() const;
    [[nodiscard]] bool mayShareUnknown() const noexcept;
    [[nodiscard]] bool isBindable(const InetEndpoint& where, const char* what);
    Task<> applyAtRunTime(std::string& reloadReason);
    [[nodiscard]] Plan planFor(const Config& wanted);
    void onRuntimeFailure(const std::string& reason);
    Task<> reloadIfDue(const Config& wanted, std::string reason);
    Task<> reload(const Config& wanted, const std::string& reason);
    Task<> deleteLeaving();

    Reactor reactor_;
    ManagerOptions options_;
    ConfigStore store_;
    ProcessControl processes_;
    Quarantine quarantine_;
    WantedConfig wanted_;
    RuntimeApplier applier_;
    Reloader reloader_;

    std::shared_ptr<const protocol::Snapshot> snapshot_;
    worker::ApplyDone done_;
    Config running_;               ///< what the current process has in memory
    std::uint64_t generation_ = 0; ///< of the current process, or of the one that died
    bool mustReload_ = false;
    bool isPrepared_ = false; ///< what a former manager left has been looked for
    bool isRetired_ = false;
    std::function<void()> stopped_;   ///< set once it is being stopped
    bool isRunningUncertain_ = false; ///< running_ may not be true: a command failed
    bool mustProbe_ = true;
    bool areChecksOn_ = true; ///< as far as the descriptor limit goes
    bool mustRetry_ = false;  ///< something of our own could not be had
    std::string problem_;     ///< of the last step
    std::string note_;        ///< worth telling although the rest was done
    OwnProblems ownProblems_;
    std::string tail_;          ///< as the operator wrote it
    std::string reloadProblem_; ///< why the last reload failed; "" = it did not
    bool hasChanged_ = false;
    std::vector<protocol::Refusal> refusals_;
    Counters counters_;
    TimerFactory::TimePoint nextReload_{};
    TimerFactory::TimePoint nextStart_{};
    TimerFactory::TimePoint servingSince_{};
    std::size_t deaths_ = 0; ///< in a row, and failed starts
    std::chrono::milliseconds deleteDelay_{0};

    Wakeup wakeup_;
    std::unique_ptr<Timer> reloadTimer_;
    std::unique_ptr<Timer> retryTimer_;
    std::unique_ptr<Timer> startTimer_;
    std::unique_ptr<Timer> deleteTimer_;
    std::unique_ptr<Timer> stopTimer_;
    Task<> work_; ///< last: it uses everything above
};

} // namespace mmsd::haproxy
