// SPDX-License-Identifier: MIT
// seccomp filters from data tables, by libseccomp. Not linked into the supervisor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace mmsd {

/** One system call of an allowlist, optionally only with certain values of up to three arguments.
 */
struct SyscallRule {
    const char* name;
    struct Argument {
        unsigned index;      ///< 0…5
        std::uint64_t mask;  ///< compared bits
        std::uint64_t value; ///< what they must be
    };
    std::optional<Argument> argument{};
    std::optional<Argument> secondArgument{}; ///< each of another index
    std::optional<Argument> thirdArgument{};
};

/** Everything not named dies (or, as the build option `sandbox` says, is named or logged). */
struct SyscallPolicy {
    std::span<const SyscallRule> allowed;
    /** Calls that libraries make and survive without: they fail with EACCES. A name that
     *  @c allowed has, with or without an argument, is an error here. */
    std::span<const char* const> refused;
};

/** Installs the filter for the whole process, foreign architectures and x32 killed.
 *  Names that the running libseccomp does not know are skipped (they cannot be called by number
 *  either, being not allowed).
 *  @throws std::runtime_error if anything fails: the process must end */
void installSyscallFilter(const SyscallPolicy& policy);

/** One system call of a denylist, always or only with certain values of one argument. */
struct DeniedSyscall {
    enum class Condition : std::uint8_t { Always, HasBits, Equals, AtLeast, Differs };

    const char* name;
    Condition condition = Condition::Always;
    unsigned index = 0;      ///< of the argument, 0…5
    std::uint64_t value = 0; ///< HasBits: any of these bits
    int error = 1;           ///< what the caller gets; EPERM
};

/** Allows everything but the named calls; foreign architectures and x32 are killed. For a process
 *  whose programs are not ours: they inherit the filter. With -Dsandbox=trap a call that EPERM
 *  would answer is named instead, and ends the process; a program that it executes is killed.
 *  @throws std::runtime_error if anything fails, also for a name that neither the running
 *          libseccomp nor this file knows, as its call would stay allowed: the process must end */
void installSyscallDenylist(std::span<const DeniedSyscall> denied);

} // namespace mmsd
