// SPDX-License-Identifier: MIT
// The system call filter as -Dsandbox=trap builds it, whatever this build's own option says.
#include "build_config.h"

#undef MMSD_SANDBOX_LOG
#undef MMSD_SANDBOX_TRAP
#define MMSD_SANDBOX_TRAP 1
#include "common/syscall_filter.cpp"
