// SPDX-License-Identifier: MIT
// Linked into a test build of the watcher: once its cage is up, an attack runs instead of its work.
// The linker's --wrap leads the watcher's own call of enterSandbox() here.
#include "daemon/marathon/sandbox_policy.h"
#include "tests/privileged/attacks/run_attack.h"

namespace mmsd::marathon {

int realEnterSandbox(const SandboxPaths& paths) asm("__real_" MMSD_WRAPPED);
int wrappedEnterSandbox(const SandboxPaths& paths) asm("__wrap_" MMSD_WRAPPED);

int wrappedEnterSandbox(const SandboxPaths& paths) {
    static_cast<void>(realEnterSandbox(paths));
    attack::runNamedAttack();
}

} // namespace mmsd::marathon
