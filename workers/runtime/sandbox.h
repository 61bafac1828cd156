// SPDX-License-Identifier: MIT
// A worker's cage: Landlock and the system call filter, from data tables.
#pragma once

#include "common/syscall_filter.h"

#include <span>
#include <string>
#include <vector>

namespace mmsd::worker {

/** What one worker needs beyond what every libevent worker needs. */
struct SandboxPolicy {
    std::span<const SyscallRule> allowed;
    /** Calls that a library makes and survives without; they fail with EACCES. */
    std::span<const char* const> refused;
};

/** Folders below which a worker may open files; everything else on disk is out of reach. */
struct SandboxPaths {
    std::vector<std::string> writable;
    std::vector<std::string> readable;
};

/** What is in force, for Ready. */
struct SandboxState {
    bool hasSyscallFilter = false;
    int landlockAbi = 0; ///< 0 = this kernel has no Landlock
};

/** Installs Landlock, then the filter of baseSyscalls(), @p policy and @p extra.
 *  There is no way back. @throws if any step fails: the process must end */
SandboxState enterSandbox(const SandboxPolicy& policy, std::span<const SyscallRule> extra,
                          const SandboxPaths& paths);

} // namespace mmsd::worker
