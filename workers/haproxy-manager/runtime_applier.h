// SPDX-License-Identifier: MIT
// RuntimeApplier: changes the running HAProxy without a reload, and looks whether it worked.
#pragma once

#include "workers/haproxy-manager/async.h"
#include "workers/haproxy-manager/reconciler.h"
#include "workers/haproxy-manager/runtime_session.h"

#include <cstdint>
#include <string>

namespace mmsd::haproxy {

/** Knows which servers of the current process are on their way out. */
class RuntimeApplier {
public:
    explicit RuntimeApplier(Reactor reactor) : reactor_{reactor} {}

    /** Executes the plan's commands and verifies the result.
     *  @throws RuntimeError, SysError if anything is not as expected: only a reload makes it sure
     */
    Task<> apply(std::string socket, const Plan& plan);

    /** Compares a process that was taken over with its files; servers that it has beyond them are
     *  on their way out. @throws RuntimeError, SysError on a difference */
    Task<> verifyAll(std::string socket, const Config& config);

    /** Servers whose tasks are gone by now need not drain any longer. */
    Task<> endDraining(std::string socket, const ServerSets& draining);
    /** Tries to delete what is on its way out; what still has connections stays. */
    Task<> deleteLeaving(std::string socket);

    /** Servers that the process has although the configuration has not. */
    [[nodiscard]] const ServerSets& leaving() const noexcept { return leaving_; }
    /** Whether deleteLeaving() has something to try. */
    [[nodiscard]] bool hasDeletable() const noexcept;
    /** A new process knows nothing of all this. */
    void forget() noexcept;

    [[nodiscard]] std::uint64_t commandCount() const noexcept { return commandCount_; }

private:
    Task<> applyServers(RuntimeSession& session, const std::vector<ServerChange>& changes);
    Task<> applyMaps(RuntimeSession& session, const MapFiles& maps);
    Task<std::vector<ServerState>> askStates(RuntimeSession& session,
                                             std::vector<std::string> backends);

    Reactor reactor_;
    ServerSets leaving_;
    ServerSets draining_; ///< those of leaving_ that drain
    std::uint64_t commandCount_ = 0;
};

} // namespace mmsd::haproxy
