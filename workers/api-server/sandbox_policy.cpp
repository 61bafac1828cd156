// SPDX-License-Identifier: MIT
// What mmsd-api-server may ask of the kernel, beyond what every worker may.
#include "workers/api-server/sandbox_policy.h"

#include <sys/socket.h>

#include <array>

namespace mmsd::api {

namespace {

using Argument = SyscallRule::Argument;

constexpr std::uint64_t kWholeInt = 0xffffffff;

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"accept4", Argument{3, kWholeInt, SOCK_NONBLOCK | SOCK_CLOEXEC}},
    // Of its connections; reading cannot be shut down, which would end the listener for all.
    {"shutdown", Argument{1, kWholeInt, SHUT_WR}},
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::api
