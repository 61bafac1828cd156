// SPDX-License-Identifier: MIT
// What mmsd-confd-writer may ask of the kernel, beyond what every worker may.
#pragma once

#include "workers/runtime/sandbox.h"

namespace mmsd::confd {

/** Files in one folder; no sockets, no processes. */
[[nodiscard]] worker::SandboxPolicy sandboxPolicy() noexcept;

} // namespace mmsd::confd
