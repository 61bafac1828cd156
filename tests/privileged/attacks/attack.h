// SPDX-License-Identifier: MIT
// Attack: one thing that code in a taken-over process would try, and how it went.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <span>

namespace mmsd::attack {

/** One attempt. It changes nothing that outlives its process, and none depends on another one. */
struct Attack {
    const char* group;
    const char* name; ///< unique
    /** @return 0 if it worked, else the errno of the step that was refused */
    int (*run)();
    /** True if the bare call may fail on some machines even for root without any cage: an option
     *  of the kernel, a missing device, a capability that a container holds back. */
    bool isOptional = false;
};

[[nodiscard]] std::span<const Attack> fileAttacks() noexcept;
[[nodiscard]] std::span<const Attack> networkAttacks() noexcept;
[[nodiscard]] std::span<const Attack> processAttacks() noexcept;
[[nodiscard]] std::span<const Attack> privilegeAttacks() noexcept;
[[nodiscard]] std::span<const Attack> kernelAttacks() noexcept;
[[nodiscard]] std::span<const Attack> memoryAttacks() noexcept;

/** Finds an attack by its name in all groups. @return null if there is none */
[[nodiscard]] const Attack* find(const char* name) noexcept;

/** The value of a variable that names a victim (see test_taken_over.py); ends with 126 without. */
[[nodiscard]] const char* victim(const char* variable) noexcept;
[[nodiscard]] int victimNumber(const char* variable) noexcept;

/** 0 for a result that is no error, else errno. */
[[nodiscard]] inline int outcome(long result) noexcept {
    return result < 0 ? errno : 0;
}

} // namespace mmsd::attack
