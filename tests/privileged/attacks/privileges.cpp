// SPDX-License-Identifier: MIT
// Attacks for rights: ids, capabilities, namespaces, mounts, the way out of a root folder.
#include "tests/privileged/attacks/attack.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace mmsd::attack {

namespace {

int setAllCapabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> data{};
    if (::syscall(SYS_capget, &header, data.data()) != 0)
        return errno;
    // Whatever is permitted, and CAP_SETUID whether it is or not.
    data[0].effective = data[0].permitted |= 1U << CAP_SETUID;
    return outcome(::syscall(SYS_capset, &header, data.data()));
}

/** chroot(2) into a folder and climb out of it by a working directory that lies outside. */
int escapeByChroot() {
    if (::syscall(SYS_chroot, "/tmp") != 0)
        return errno;
    for (int i = 0; i < 8; ++i)
        if (::syscall(SYS_chdir, "..") != 0)
            return errno;
    return outcome(::syscall(SYS_chroot, "."));
}

int mountInNewNamespace() {
    if (::syscall(SYS_unshare, CLONE_NEWNS) != 0)
        return errno;
    return outcome(::syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr));
}

const Attack kAttacks[] = {
    {"privileges", "setuid(0)", [] { return outcome(::syscall(SYS_setuid, 0)); }},
    {"privileges", "setresuid(0)", [] { return outcome(::syscall(SYS_setresuid, 0, 0, 0)); }},
    {"privileges", "setgid(0)", [] { return outcome(::syscall(SYS_setgid, 0)); }},
    {"privileges", "take a group",
     [] {
         const gid_t group = 0;
         return outcome(::syscall(SYS_setgroups, 1, &group));
     }},
    {"privileges", "setfsuid(0)",
     [] {
         ::syscall(SYS_setfsuid, 0);
         return ::syscall(SYS_setfsuid, -1) == 0 ? 0 : EPERM; // it tells no other way
     }},
    {"privileges", "raise capabilities", setAllCapabilities},
    {"privileges", "raise an ambient capability",
     [] {
         return outcome(
             ::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0));
     },
     true},
    {"privileges", "become dumpable",
     [] { return outcome(::syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)); }},
    {"privileges", "outlive the supervisor",
     [] { return outcome(::syscall(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0)); }},
    {"privileges", "change the kernel's view (arch_prctl)",
     [] { return outcome(::syscall(SYS_arch_prctl, 0x1004, nullptr)) == EFAULT ? 0 : errno; },
     true},
    {"privileges", "chroot", [] { return outcome(::syscall(SYS_chroot, "/")); }},
    {"privileges", "escape by chroot", escapeByChroot},
    {"privileges", "mount", mountInNewNamespace},
    {"privileges", "unmount", // no such mount: EINVAL once the right was there
     [] {
         const int error = outcome(::syscall(SYS_umount2, "/etc", 8));
         return error == EINVAL ? 0 : error;
     }},
    {"privileges", "new mount interface",
     [] { return outcome(::syscall(SYS_fsopen, "tmpfs", 0)); }},
    {"privileges", "clone a mount",
     [] { return outcome(::syscall(SYS_open_tree, AT_FDCWD, "/", 1)); }, true},
    {"privileges", "a user namespace",
     [] { return outcome(::syscall(SYS_unshare, CLONE_NEWUSER)); }, true},
    {"privileges", "a network namespace",
     [] { return outcome(::syscall(SYS_unshare, CLONE_NEWNET)); }},
    {"privileges", "a user namespace by clone",
     [] {
         const long pid =
             ::syscall(SYS_clone, CLONE_NEWUSER | 17, nullptr, nullptr, nullptr, nullptr);
         if (pid == 0)
             ::syscall(SYS_exit_group, 0);
         return outcome(pid);
     },
     true},
    {"privileges", "join a namespace",
     [] {
         const long space = ::syscall(SYS_openat, AT_FDCWD, "/proc/self/ns/uts", O_RDONLY);
         return space < 0 ? errno : outcome(::syscall(SYS_setns, space, CLONE_NEWUTS));
     }},
    {"privileges", "raise a limit",
     [] {
         rlimit limit{};
         if (::syscall(SYS_prlimit64, 0, RLIMIT_CORE, nullptr, &limit) != 0)
             return errno;
         limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
         return outcome(::syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, nullptr));
     },
     true},
    {"privileges", "a filter of its own",
     [] {
         // An action that the kernel has: 0 = yes. Installing one would need a program.
         const unsigned action = 0x7fff0000;
         return outcome(::syscall(SYS_seccomp, 2, 0, &action));
     }},
};

} // namespace

std::span<const Attack> privilegeAttacks() noexcept {
    return kAttacks;
}

} // namespace mmsd::attack
