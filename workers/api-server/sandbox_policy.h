// SPDX-License-Identifier: MIT
// What mmsd-api-server may ask of the kernel, beyond what every worker may.
#pragma once

#include "workers/runtime/sandbox.h"

namespace mmsd::api {

/** Accepting clients; no files, no sockets of its own making, no processes. */
[[nodiscard]] worker::SandboxPolicy sandboxPolicy() noexcept;

} // namespace mmsd::api
