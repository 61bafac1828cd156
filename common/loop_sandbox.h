// SPDX-License-Identifier: MIT
// What every event-loop process of ours may do, once it is locked in. Not linked into the
// supervisor.
#pragma once

#include "common/syscall_filter.h"

#include <span>

namespace mmsd {

/** The calls of event loop, channel and log: read, write, epoll, memory, time, exit. */
[[nodiscard]] std::span<const SyscallRule> baseSyscalls() noexcept;
/** Reading files; Landlock says which. */
[[nodiscard]] std::span<const SyscallRule> fileReadingSyscalls() noexcept;

/** No core dumps, no new processes or threads. @throws SysError */
void limitResources();

} // namespace mmsd
