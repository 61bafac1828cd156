// SPDX-License-Identifier: MIT
// Linked into a test build of a worker: once its cage is up, an attack runs instead of its work.
// The linker's --wrap leads the worker's own call of lockIn() here; nothing else is different.
#include "tests/privileged/attacks/run_attack.h"
#include "workers/runtime/worker_definition.h"

namespace mmsd::worker {

SandboxState realLockIn(const WorkerDefinition& definition, std::span<const SyscallRule> extra,
                        const SandboxPaths& paths) asm("__real_" MMSD_WRAPPED);
SandboxState wrappedLockIn(const WorkerDefinition& definition, std::span<const SyscallRule> extra,
                           const SandboxPaths& paths) asm("__wrap_" MMSD_WRAPPED);

SandboxState wrappedLockIn(const WorkerDefinition& definition, std::span<const SyscallRule> extra,
                           const SandboxPaths& paths) {
    static_cast<void>(realLockIn(definition, extra, paths));
    attack::runNamedAttack();
}

} // namespace mmsd::worker
