// SPDX-License-Identifier: MIT
// WorkerDefinition: what tells one worker's program from another's.
#include "workers/runtime/worker_definition.h"

#include "common/loop_sandbox.h"
#include "common/start_error.h"
#include "common/sys_error.h"

#include <cerrno>

namespace mmsd::worker {

std::unique_ptr<Worker> createWorker(const WorkerDefinition& definition, WorkerContext& context) {
    try {
        return definition.create(context);
    } catch (const SysError& error) {
        if (error.code().value() == EACCES || error.code().value() == EPERM)
            throw StartError{ExitCode::Permission, error.what()};
        throw;
    }
}

SandboxState lockIn(const WorkerDefinition& definition, std::span<const SyscallRule> extra,
                    const SandboxPaths& paths) {
    if (definition.lockIn != nullptr)
        return definition.lockIn();
    limitResources();
    return enterSandbox(definition.sandbox, extra, paths);
}

} // namespace mmsd::worker
