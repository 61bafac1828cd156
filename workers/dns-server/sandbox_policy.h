// SPDX-License-Identifier: MIT
// What mmsd-dns-server may ask of the kernel, beyond what every worker may.
#pragma once

#include "workers/runtime/sandbox.h"

namespace mmsd::dns {

/** Datagrams in batches and accepting clients; no files, no sockets of its own making. */
[[nodiscard]] worker::SandboxPolicy sandboxPolicy() noexcept;

} // namespace mmsd::dns
