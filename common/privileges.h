// SPDX-License-Identifier: MIT
// Giving up root, and proving that it is gone. Runs between fork and exec.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace mmsd {

/** A user to become; never 0. */
struct Identity {
    uid_t uid;
    gid_t gid;
};

/** Looks a user up (NSS: before any fork only).
 *  @return nothing if there is no such user
 *  @throws SysError if the look-up fails, std::invalid_argument if the user is root or in group 0
 */
[[nodiscard]] std::optional<Identity> lookUpUser(const std::string& name);

/** Keeps of all capabilities those of @p kept (bit = CAP_* number) at most, in the bounding set,
 *  too; none is inheritable or ambient.
 *  @return false with errno if that fails: any mixture may be left */
[[nodiscard]] bool limitCapabilities(std::uint64_t kept) noexcept;

struct DropPlan {
    /** Nothing: started without root, stay who we are (capabilities are dropped all the same). */
    std::optional<Identity> identity;
    /** CAP_* number to keep in the permitted, effective, inheritable and ambient sets. */
    std::optional<int> keptCapability;
};

/** Steps of dropPrivileges(), in order; for the error pipe. */
enum class DropStep : std::uint8_t {
    None,
    KeepCapabilities,
    BoundingSet,
    Groups,
    Gid,
    Uid,
    CapabilitySets,
    AmbientSet,
    NoNewPrivileges,
    VerifyIds,
    VerifyGroups,
    VerifyRootIsGone,
    VerifyCapabilities,
};

struct DropFailure {
    DropStep step = DropStep::None; ///< None = everything worked
    int error = 0;                  ///< errno; 0 = a verification found the wrong state
};

/** Drops and verifies, in the order of DESIGN section 7. Async-signal-safe: no allocation, no log.
 *  After a failure the process must _exit: it may hold any mixture of rights. */
[[nodiscard]] DropFailure dropPrivileges(const DropPlan& plan) noexcept;

[[nodiscard]] const char* toString(DropStep step) noexcept;

} // namespace mmsd
