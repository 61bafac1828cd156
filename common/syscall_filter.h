// SPDX-License-Identifier: MIT
// seccomp filters from data tables, by libseccomp. Not linked into the supervisor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace mmsd {

/** One system call of an allowlist, optionally only with certain values of one or two arguments. */
struct SyscallRule {
    const char* name;
    struct Argument {
        unsigned index;      ///< 0…5
        std::uint64_t mask;  ///< compared bits
        std::uint64_t value; ///< what they must be
    };
    std::optional<Argument> argument{};
    std::optional<Argument> secondArgument{}; ///< only beside argument, and of another index
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

/** Allows everything but the named calls, which fail with EPERM; foreign architectures and x32 are
 *  killed. For a process whose programs are not ours: they inherit the filter.
 *  @throws std::runtime_error if anything fails: the process must end */
void installSyscallDenylist(std::span<const char* const> names);

} // namespace mmsd
