// SPDX-License-Identifier: MIT
// runDaemon: all of mmsd's main() but the production timing.
#pragma once

#include "daemon/worker_process.h"

#include <span>

namespace mmsd::supervisor {

/** Does what the command line asks for; errors end on stderr, one line each.
 *  @return exit code */
[[nodiscard]] int runDaemon(std::span<const char* const> argv, const Timing& timing) noexcept;

} // namespace mmsd::supervisor
