// SPDX-License-Identifier: MIT
// What mmsd-api-server may ask of the kernel, beyond what every worker may.
#include "workers/api-server/sandbox_policy.h"

#include <array>

namespace mmsd::api {

namespace {

constexpr auto kAllowed = std::to_array<SyscallRule>({
    {"accept4"},
});

} // namespace

worker::SandboxPolicy sandboxPolicy() noexcept {
    return {kAllowed, {}};
}

} // namespace mmsd::api
