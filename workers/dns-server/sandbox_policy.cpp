// SPDX-License-Identifier: MIT
// What mmsd-dns-server may ask of the kernel, beyond what every worker may.
#include "workers/dns-server/sandbox_policy.h"

#include <sys/socket.h>

#include <array>

namespace mmsd::dns {

namespace {

using Argument = SyscallRule::Argument;

constexpr std::uint64_t kWholeInt = 0xffffffff;

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"accept4", Argument{3, kWholeInt, SOCK_NONBLOCK | SOCK_CLOEXEC}},
    {"recvmmsg"},
    {"sendmmsg", Argument{3, kWholeInt & ~std::uint64_t{MSG_NOSIGNAL | MSG_DONTWAIT}, 0}},
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::dns
