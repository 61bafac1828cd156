// SPDX-License-Identifier: MIT
// What mmsd-dns-server may ask of the kernel, beyond what every worker may.
#include "workers/dns-server/sandbox_policy.h"

#include <array>

namespace mmsd::dns {

namespace {

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"accept4"},
    {"recvmmsg"},
    {"sendmmsg"},
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::dns
