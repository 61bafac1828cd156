// SPDX-License-Identifier: MIT
// A worker's cage: Landlock and the system call filter, from data tables.
#include "workers/runtime/sandbox.h"

#include "common/landlock.h"
#include "common/loop_sandbox.h"

namespace mmsd::worker {

SandboxState enterSandbox(const SandboxPolicy& policy, std::span<const SyscallRule> extra,
                          const SandboxPaths& paths) {
    std::vector<LandlockPath> rules;
    for (const std::string& path : paths.writable)
        rules.push_back({.path = path.c_str(), .isWritable = true});
    for (const std::string& path : paths.readable)
        rules.push_back({.path = path.c_str(), .isWritable = false});

    std::vector<SyscallRule> allowed;
    for (const std::span<const SyscallRule> table : {baseSyscalls(), policy.allowed, extra})
        allowed.insert(allowed.end(), table.begin(), table.end());

    SandboxState state;
    state.landlockAbi = restrictWithLandlock({.paths = rules});
    installSyscallFilter({.allowed = allowed, .refused = policy.refused});
    state.hasSyscallFilter = true;
    return state;
}

} // namespace mmsd::worker
