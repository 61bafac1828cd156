// SPDX-License-Identifier: MIT
// What mmsd-udp-balancer may ask of the kernel, beyond what every worker may.
#pragma once

#include "workers/runtime/sandbox.h"

namespace mmsd::udp {

/** UDP sockets over IPv4 and IPv6; no files, no processes. */
[[nodiscard]] worker::SandboxPolicy sandboxPolicy() noexcept;

} // namespace mmsd::udp
