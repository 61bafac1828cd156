// SPDX-License-Identifier: MIT
// What mmsd-confd-writer may ask of the kernel, beyond what every worker may.
#include "workers/confd-writer/sandbox_policy.h"

#include <fcntl.h>

#include <array>

namespace mmsd::confd {

namespace {

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"openat"}, // below its folder: Landlock
    {"fstat"},
    {"newfstatat"},
    {"lseek"},
    {"getdents64"},
    {"fchmod"},
    {"renameat"},
    {"renameat2"},
    {"unlinkat"},
    {"fcntl", SyscallRule::Argument{1, 0xffffffff, F_SETFD}}, // fdopendir()
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::confd
