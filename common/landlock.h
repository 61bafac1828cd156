// SPDX-License-Identifier: MIT
// Landlock rule sets with the best ABI that the running kernel has. Not linked into the supervisor.
#pragma once

#include <cstdint>
#include <span>

namespace mmsd {

/** The newest ABI that adds a restriction which we use. */
inline constexpr int kNewestLandlockAbi = 6;

struct LandlockPath {
    const char* path;
    bool isWritable;           ///< else read only (files and folders below it)
    bool isExecutable = false; ///< only for a process that runs programs
};

struct LandlockPolicy {
    /** Paths that do not exist are skipped: there is nothing to reach. */
    std::span<const LandlockPath> paths;
    /** From ABI 4: whether TCP connect(2) / bind(2) stay possible. */
    bool mayConnectTcp = false;
    bool mayBindTcp = false;
    /** From ABI 6: whether processes outside the domain can be sent signals. A process that signals
     *  what an earlier instance of itself started needs it: that one had a domain of its own. */
    bool maySignalOthers = false;
};

/** What a rule set restricts, as landlock_create_ruleset(2) takes it. */
struct LandlockRuleset {
    std::uint64_t handledFiles;
    std::uint64_t handledNetwork;
    std::uint64_t scoped;
};

/** All that @p policy wants and @p abi (1…) has. Pure. */
[[nodiscard]] LandlockRuleset landlockRuleset(const LandlockPolicy& policy, int abi) noexcept;

/** Restricts the process and what it starts, and sets no_new_privs. From ABI 6 on, abstract unix
 *  sockets of other processes are out of reach, too.
 *  @param abiLimit to be as on an older kernel, for tests
 *  @return ABI in force, at most @p abiLimit; 0 where the kernel has no Landlock (ENOSYS,
 *          EOPNOTSUPP)
 *  @throws StartError if something around the process forbids it, SysError if the kernel has it and
 *          refuses: the process must end */
int restrictWithLandlock(const LandlockPolicy& policy, int abiLimit = kNewestLandlockAbi);

} // namespace mmsd
