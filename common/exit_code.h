// SPDX-License-Identifier: MIT
// Exit codes (sysexits.h subset) of every mmsd process.
#pragma once

namespace mmsd {

/** Source: CONTRACT section 8; numbers from sysexits.h. */
enum class ExitCode : int {
    Ok = 0,
    Usage = 64,           ///< bad flag or value
    OperatingSystem = 71, ///< a system call that must work failed
    Permission = 77,      ///< a right is missing, or a privilege drop could not be verified
    Configuration = 78,   ///< configuration file, missing user, mixed package versions
};

/** True where starting again cannot help: the supervisor gives up instead of backing off. */
[[nodiscard]] constexpr bool isPermanent(int status) noexcept {
    return status == static_cast<int>(ExitCode::Usage) ||
           status == static_cast<int>(ExitCode::Permission) ||
           status == static_cast<int>(ExitCode::Configuration);
}

} // namespace mmsd
