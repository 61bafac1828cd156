// SPDX-License-Identifier: MIT
// ProcessPlan: what the settings make of a row of the table, checked before anything is started.
#pragma once

#include "common/inet_address.h"
#include "common/privileges.h"
#include "daemon/run_state_dir.h"
#include "daemon/worker_spec.h"

#include <optional>
#include <string>
#include <vector>

namespace mmsd::supervisor {

/** A listener that a process inherits. */
struct ListenEndpoint {
    std::string process; ///< each has its own where several serve one port
    std::string role;
    InetEndpoint endpoint;

    bool operator==(const ListenEndpoint&) const = default;
};

/** One process as the settings want it. */
struct ProcessPlan {
    const WorkerSpec* spec = nullptr;
    bool isEnabled = false;
    std::string executable; ///< absolute path
    std::vector<std::string> arguments;
    std::optional<Identity> identity; ///< nothing without root: it runs as the caller
    std::vector<ListenEndpoint> listeners;
};

/** Plans each row of the table, in its order. Users and executables are looked for where the
 *  process is enabled.
 *  @throws StartError naming what is missing; SysError */
[[nodiscard]] std::vector<ProcessPlan> planProcesses(const protocol::Settings& settings,
                                                     bool isRoot);

/** True if a running process of @p before must be started anew to be as @p after wants it. */
[[nodiscard]] bool needsRestart(const ProcessPlan& before, const ProcessPlan& after);

/** Makes the state folders of all enabled processes. @throws SysError */
void prepareDirectories(const std::vector<ProcessPlan>& plans, const RunStateDir& runState);

/** The listeners of all enabled processes. */
[[nodiscard]] std::vector<ListenEndpoint> enabledListeners(const std::vector<ProcessPlan>& plans);

} // namespace mmsd::supervisor
