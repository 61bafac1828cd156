// SPDX-License-Identifier: MIT
// The one table of processes that the supervisor runs.
#pragma once

#include "protocol/settings.h"

#include <sys/types.h>

#include <optional>
#include <span>

namespace mmsd::supervisor {

/** A socket that the supervisor opens and a process inherits. */
struct SocketSpec {
    const char* role;                     ///< as told in Hello; see ListenSockets
    const char* addressSetting = nullptr; ///< null = it has no address
    const char* portSetting = nullptr;
};

/** One process: what it is, and everything that it may have. */
struct WorkerSpec {
    const char* name;       ///< in pid files, logs, status and Hello
    const char* executable; ///< below --worker-dir
    const char* userSuffix; ///< behind the prefix of all worker users
    protocol::ProcessMask settings;
    const char* enabledBy = nullptr; ///< name of a Bool setting; null = always
    const char* countedBy = nullptr; ///< name of a Count setting; null = one process
    unsigned number = 1;             ///< enabled where the count is at least this
    std::span<const SocketSpec> sockets{};
    std::optional<int> keptCapability{};  ///< CAP_* number
    const char* stateDirectory = nullptr; ///< below --run-state-dir, owned by its user; null = none
    mode_t stateDirectoryMode = 0;
    bool leavesProcesses = false;       ///< what it started outlives it, unless told Shutdown
    bool isSource = false;              ///< sends snapshots (the watcher) instead of taking them
    bool receivesProcessStatus = false; ///< is told how all processes are
};

/** All rows, the source first: the order in which they are started. */
[[nodiscard]] std::span<const WorkerSpec> workerTable() noexcept;

} // namespace mmsd::supervisor
