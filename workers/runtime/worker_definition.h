// SPDX-License-Identifier: MIT
// WorkerDefinition: what tells one worker's program from another's.
#pragma once

#include "protocol/settings.h"
#include "workers/runtime/sandbox.h"
#include "workers/runtime/worker.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mmsd::worker {

struct WorkerDefinition {
    const char* process;       ///< its name in the supervisor's worker table; "-2" … may follow
    const char* program;       ///< its executable, for messages
    const char* purpose;       ///< one sentence for --help
    const char* commandName;   ///< what ps shows; at most 15 octets
    std::uint8_t settingsMask; ///< protocol::ProcessMask
    SandboxPolicy sandbox;
    /** The folders that it writes to. */
    std::vector<std::string> (*writableFolders)(const protocol::Settings& settings);
    std::unique_ptr<Worker> (*create)(WorkerContext& context);
    /** Instead of limitResources() and enterSandbox(): for a worker that starts programs, which
     *  inherit its cage. Null = the usual one. */
    SandboxState (*lockIn)() = nullptr;
};

/** Builds the worker. @throws StartError (permission) where a right is missing, else as create() */
[[nodiscard]] std::unique_ptr<Worker> createWorker(const WorkerDefinition& definition,
                                                   WorkerContext& context);

/** Locks the process in, as the definition says. @throws if any step fails: the process must end */
SandboxState lockIn(const WorkerDefinition& definition, std::span<const SyscallRule> extra,
                    const SandboxPaths& paths);

/** What shutDown() may take; then the process ends all the same. */
inline constexpr std::chrono::seconds kShutDownLimit{5};

} // namespace mmsd::worker
