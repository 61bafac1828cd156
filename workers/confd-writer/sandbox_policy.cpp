// SPDX-License-Identifier: MIT
// What mmsd-confd-writer may ask of the kernel, beyond what every worker may.
#include "workers/confd-writer/sandbox_policy.h"

#include <fcntl.h>

#include <array>

namespace mmsd::confd {

namespace {

constexpr std::uint64_t kWholeInt = 0xffffffff;

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"openat"}, // below its folder: Landlock
    {"fstat"},  // newfstatat() on some architectures
    {"newfstatat"},
    {"fchmod"},
    {"renameat"},
    {"renameat2"}, // renameat() on newer architectures
    {"unlinkat"},
    // Listing the folder anew (SIGHUP), as opendir(3) and readdir(3) do it.
    {"getdents64"},
    {"fcntl", SyscallRule::Argument{1, kWholeInt, F_GETFL}},
    {"fcntl", SyscallRule::Argument{1, kWholeInt, F_SETFD}},
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::confd
