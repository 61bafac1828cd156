// SPDX-License-Identifier: MIT
// ProcessControl: which HAProxy serves, which ones finish their connections, and the hand-over
// between them.
#pragma once

#include "workers/haproxy-manager/async.h"
#include "workers/haproxy-manager/config_store.h"
#include "workers/haproxy-manager/haproxy_process.h"
#include "workers/haproxy-manager/orphan_scan.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace mmsd::haproxy {

/** How a start ended. */
struct StartResult {
    std::unique_ptr<HaproxyProcess> process; ///< null = it did not start
    std::string output;                      ///< what it printed
    std::string how;                         ///< why it did not start
};

/** Owns the handles of all HAProxy processes of one folder. One serves; others drain. */
class ProcessControl {
public:
    /** @param onCurrentDied the serving process ended by itself */
    ProcessControl(Reactor reactor, const ConfigStore& store, std::string binary,
                   std::function<void(const std::string& how)> onCurrentDied);

    /** Finds what an earlier manager left: the newest that answers becomes the current one, the
     *  others finish. Source of identity: the credentials of the admin socket's listener, held by
     *  a process descriptor before it is asked, so a pid that was reused can never be meant.
     *  @param awaitsStarting one that the earlier manager had just started is awaited */
    Task<> adopt(bool awaitsStarting);

    /** The serving process, or null. */
    [[nodiscard]] HaproxyProcess* current() const noexcept { return current_.get(); }
    [[nodiscard]] std::uint64_t nextGeneration() noexcept { return ++lastGeneration_; }

    /** Starts a process on a generation's folder and waits until it answers. The old one is not
     *  touched: a start that fails costs nothing.
     *  @param config what that folder has
     *  @param inheritsSockets takes the listeners over from the current process (-x) */
    Task<StartResult> start(std::uint64_t generation, const Config& config, bool inheritsSockets);

    /** Looks whether the serving process still answers. One that does not is no current one any
     * more; it is ended as soon as another one serves, as its listeners would swallow connections.
     */
    Task<> judgeCurrent();

    /** Makes a started process the serving one and lets all others finish. */
    void makeCurrent(std::unique_ptr<HaproxyProcess> process);

    /** Lets the serving process finish its connections and end. */
    void stopAll() noexcept;
    /** A start that is cancelled from now on is not ended: the next manager takes it over. */
    void leaveStarts() noexcept { leavesStarts_ = true; }

    /** True while processes listen that the next one is to replace without taking over from them.
     */
    [[nodiscard]] bool haveOthersToEnd() const noexcept {
        return !hung_.empty() || !strays_.empty();
    }

    [[nodiscard]] std::size_t drainingCount() const noexcept { return draining_.size(); }
    /** What the last successful start took, from the fork to the first answer. */
    [[nodiscard]] std::chrono::microseconds lastStartTime() const noexcept {
        return lastStartTime_;
    }

private:
    Task<> awaitStarting();
    Task<bool> awaitFirstAnswer(Orphan orphan);
    Task<> adoptSocket(std::uint64_t generation);
    void adoptStrays();
    void addDraining(std::unique_ptr<HaproxyProcess> process);
    void onExit(HaproxyProcess& process, const std::string& how);
    [[nodiscard]] bool isKnown(pid_t pid) const noexcept;
    [[nodiscard]] std::unique_ptr<HaproxyProcess> wrap(std::uint64_t generation, pid_t pid,
                                                       UniqueFd pidFd, UniqueFd output);
    void endStrays();

    Reactor reactor_;
    const ConfigStore& store_;
    std::string binary_;
    std::function<void(const std::string&)> onCurrentDied_;
    std::uint64_t lastGeneration_ = 0;
    std::chrono::microseconds lastStartTime_{0};
    bool leavesStarts_ = false;
    std::unique_ptr<HaproxyProcess> current_;
    std::list<std::unique_ptr<HaproxyProcess>> draining_; ///< oldest first
    /** Left by an earlier manager and not answering: ended as soon as another one serves. */
    std::list<std::unique_ptr<HaproxyProcess>> hung_;
    std::list<std::unique_ptr<HaproxyProcess>> strays_;
};

} // namespace mmsd::haproxy
