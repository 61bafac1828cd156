// SPDX-License-Identifier: MIT
// The haproxy-manager's cage, which HAProxy and the operator's commands inherit.
#include "workers/haproxy-manager/sandbox.h"

#include "common/sys_error.h"
#include "common/syscall_filter.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

namespace mmsd::haproxy {

namespace {

using enum DeniedSyscall::Condition;

/** What neither a load balancer nor a command around it has to do with: other processes' memory,
 *  mounts, namespaces, keys, clocks, the kernel itself. */
constexpr auto kDenied = std::to_array<DeniedSyscall>({
    // Other processes.
    {"ptrace"},
    {"process_vm_readv"},
    {"process_vm_writev"},
    {"process_madvise"},
    {"process_mrelease"},
    {"pidfd_getfd"},
    {"kcmp"},
    {"move_pages"},
    {"migrate_pages"},
    {"prlimit64", Differs, 0, 0},
    // Mounts, namespaces. What clone3() is to do lies in memory, which no filter can read; without
    // it the C library uses clone().
    {"mount"},
    {"umount"},
    {"umount2"},
    {"mount_setattr"},
    {"move_mount"},
    {"open_tree"},
    {"open_tree_attr"},
    {"fsopen"},
    {"fsconfig"},
    {"fsmount"},
    {"fspick"},
    {"pivot_root"},
    {"chroot"},
    {"unshare"},
    {"setns"},
    {"clone", HasBits, 0,
     CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
         CLONE_NEWCGROUP},
    {"clone3", Always, 0, 0, ENOSYS},
    // The kernel: where most of its holes were found, and what root alone has to do with.
    {"bpf"},
    {"io_uring_setup"},
    {"io_uring_enter"},
    {"io_uring_register"},
    {"perf_event_open"},
    {"userfaultfd"},
    {"keyctl"},
    {"add_key"},
    {"request_key"},
    {"memfd_secret"},
    {"modify_ldt"},
    {"personality", HasBits, 0, ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC | MMAP_PAGE_ZERO},
    {"kexec_load"},
    {"kexec_file_load"},
    {"init_module"},
    {"finit_module"},
    {"delete_module"},
    {"open_by_handle_at"},
    {"name_to_handle_at"},
    {"fanotify_init"},
    {"lookup_dcookie"},
    {"swapon"},
    {"swapoff"},
    {"reboot"},
    {"acct"},
    {"quotactl"},
    {"quotactl_fd"},
    {"syslog"},
    {"vhangup"},
    {"iopl"},
    {"ioperm"},
    {"sethostname"},
    {"setdomainname"},
    {"settimeofday"},
    {"clock_settime"},
    {"adjtimex"},
    {"clock_adjtime"},
    // Keys pressed in somebody else's terminal.
    {"ioctl", Equals, 1, TIOCSTI},
    {"ioctl", Equals, 1, TIOCLINUX},
});

/** Sockets: Unix, IP, and netlink, which the C library asks for addresses. */
std::vector<DeniedSyscall> deniedSockets() {
    std::vector<DeniedSyscall> denied;
    constexpr int kFirstUnused = 64;
    for (int family = 0; family < kFirstUnused; ++family)
        if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
            denied.push_back(
                {"socket", Equals, 0, static_cast<std::uint64_t>(family), EAFNOSUPPORT});
    denied.push_back({"socket", AtLeast, 0, kFirstUnused, EAFNOSUPPORT});
    return denied;
}

} // namespace

worker::SandboxState lockIn() {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0)
        throwErrno("set RLIMIT_CORE");
    std::vector<DeniedSyscall> denied = deniedSockets();
    denied.insert(denied.end(), kDenied.begin(), kDenied.end());
    installSyscallDenylist(denied);
    worker::SandboxState state;
    state.hasSyscallFilter = true;
    return state;
}

} // namespace mmsd::haproxy
