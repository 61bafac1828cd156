// SPDX-License-Identifier: MIT
// Giving up root, and proving that it is gone. Runs between fork and exec.
#include "common/privileges.h"

#include "common/sys_error.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace mmsd {

namespace {

/** The sets of capget(2), 32 capabilities in each element. The raw calls: libcap would allocate,
 * and root would link one more library. */
using CapabilitySets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

CapabilitySets capabilitySets(std::uint64_t usable, std::uint64_t inheritable) noexcept {
    const auto low = static_cast<std::uint32_t>(usable);
    const auto high = static_cast<std::uint32_t>(usable >> 32);
    return {{{low, low, static_cast<std::uint32_t>(inheritable)},
             {high, high, static_cast<std::uint32_t>(inheritable >> 32)}}};
}

bool setCapabilities(const CapabilitySets& sets) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

bool getCapabilities(CapabilitySets& sets) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return ::syscall(SYS_capget, &header, sets.data()) == 0;
}

/** Calls @p check with each capability that the running kernel knows.
 *  @return false as soon as @p check does, or if the kernel does not tell */
template <typename Check> bool forEachCapability(Check check) noexcept {
    int capability = 0;
    for (; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
        if (!check(capability))
            return false;
    return capability > 0;
}

bool dropBoundingSet(std::uint64_t kept) noexcept {
    return forEachCapability([kept](int capability) {
        return ((kept >> capability) & 1) != 0 ||
               ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 0 ||
               ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;
    });
}

bool hasIds(const DropPlan& plan) noexcept {
    uid_t uid = 0, effectiveUid = 0, savedUid = 0;
    gid_t gid = 0, effectiveGid = 0, savedGid = 0;
    if (::getresuid(&uid, &effectiveUid, &savedUid) != 0 ||
        ::getresgid(&gid, &effectiveGid, &savedGid) != 0)
        return false;
    const Identity wanted = plan.identity.value_or(Identity{uid, gid});
    return uid == wanted.uid && effectiveUid == wanted.uid && savedUid == wanted.uid &&
           gid == wanted.gid && effectiveGid == wanted.gid && savedGid == wanted.gid;
}

bool hasCapabilities(const DropPlan& plan, const CapabilitySets& wanted) noexcept {
    CapabilitySets sets{};
    if (!getCapabilities(sets) || std::memcmp(&sets, &wanted, sizeof sets) != 0 ||
        ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return false;
    return forEachCapability([&](int capability) {
        const int isKept = capability == plan.keptCapability ? 1 : 0;
        if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) != isKept)
            return false;
        return !plan.identity || ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == isKept;
    });
}

} // namespace

std::optional<Identity> lookUpUser(const std::string& name) {
    std::vector<char> buffer(1024);
    passwd entry{};
    passwd* found = nullptr;
    int error = 0;
    while ((error = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found)) ==
           ERANGE)
        buffer.resize(buffer.size() * 2);
    // Source: getpwnam(3), "Errors": what "not found" looks like differs between NSS modules.
    if (found == nullptr && (error == 0 || error == ENOENT || error == ESRCH))
        return std::nullopt;
    if (found == nullptr)
        throwErrno("look up user \"" + name + '"', error);
    if (found->pw_uid == 0 || found->pw_gid == 0)
        throw std::invalid_argument{"user \"" + name + "\" is root or in root's group"};
    return Identity{found->pw_uid, found->pw_gid};
}

bool limitCapabilities(std::uint64_t kept) noexcept {
    CapabilitySets sets{};
    if (!dropBoundingSet(kept) || !getCapabilities(sets))
        return false;
    kept &= std::uint64_t{sets[1].permitted} << 32 | sets[0].permitted;
    return setCapabilities(capabilitySets(kept, 0)) &&
           ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0;
}

DropFailure dropPrivileges(const DropPlan& plan) noexcept {
    const auto failed = [](DropStep step) { return DropFailure{step, errno}; };
    const auto isWrong = [](DropStep step) { return DropFailure{step, 0}; };
    const std::uint64_t kept = plan.keptCapability ? std::uint64_t{1} << *plan.keptCapability : 0;
    const CapabilitySets wanted = capabilitySets(kept, kept);

    if (kept != 0 && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return failed(DropStep::KeepCapabilities);
    // The bounding set and the groups first: both need rights that the new user does not have.
    // Whoever is not root may lack CAP_SETPCAP; no_new_privs makes the rest unreachable.
    if (!dropBoundingSet(kept) && (plan.identity || errno != EPERM))
        return failed(DropStep::BoundingSet);
    if (plan.identity) {
        const auto [uid, gid] = *plan.identity;
        if (uid == 0 || gid == 0)
            return {uid == 0 ? DropStep::Uid : DropStep::Gid, EINVAL};
        if (::setgroups(0, nullptr) != 0)
            return failed(DropStep::Groups);
        if (::setresgid(gid, gid, gid) != 0)
            return failed(DropStep::Gid);
        if (::setresuid(uid, uid, uid) != 0)
            return failed(DropStep::Uid);
    }
    if (!setCapabilities(wanted))
        return failed(DropStep::CapabilitySets);
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
        (plan.keptCapability &&
         ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, *plan.keptCapability, 0, 0) != 0))
        return failed(DropStep::AmbientSet);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return failed(DropStep::NoNewPrivileges);

    if (!hasIds(plan))
        return isWrong(DropStep::VerifyIds);
    if (plan.identity && ::getgroups(0, nullptr) != 0)
        return isWrong(DropStep::VerifyGroups);
    constexpr auto kSame = static_cast<uid_t>(-1);
    // Without root the caller's own group may be 0 (containers with arbitrary user ids).
    if (::setresuid(kSame, 0, kSame) == 0 || (plan.identity && ::setresgid(kSame, 0, kSame) == 0))
        return isWrong(DropStep::VerifyRootIsGone);
    if (!hasCapabilities(plan, wanted))
        return isWrong(DropStep::VerifyCapabilities);
    return {};
}

const char* toString(DropStep step) noexcept {
    static constexpr const char* kNames[] = {"none",
                                             "keep capabilities",
                                             "drop the bounding set",
                                             "drop supplementary groups",
                                             "set the group",
                                             "set the user",
                                             "set the capabilities",
                                             "set the ambient capabilities",
                                             "set no_new_privs",
                                             "verify user and group",
                                             "verify that no groups are left",
                                             "verify that root is gone",
                                             "verify the capabilities"};
    return kNames[static_cast<std::size_t>(step)];
}

} // namespace mmsd
