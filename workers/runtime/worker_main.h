// SPDX-License-Identifier: MIT
// The main() of every worker.
#pragma once

#include "workers/runtime/worker_definition.h"

namespace mmsd::worker {

/** Runs one worker from its command line to its end.
 *  @return the exit code; every failure has been told on stderr */
[[nodiscard]] int runWorker(const WorkerDefinition& definition, int argc,
                            const char* const* argv) noexcept;

} // namespace mmsd::worker
