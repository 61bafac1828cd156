// SPDX-License-Identifier: MIT
// The haproxy-manager's cage, which HAProxy and the operator's commands inherit.
#include "workers/haproxy-manager/sandbox.h"

#include "common/sys_error.h"
#include "common/syscall_filter.h"

#include <sys/resource.h>

#include <array>

namespace mmsd::haproxy {

namespace {

/** What neither a load balancer nor a command around it has to do with: other processes' memory,
 *  mounts, namespaces, keys, the kernel itself. */
constexpr auto kDenied = std::to_array<const char*>({
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "mount",
    "umount",
    "umount2",
    "mount_setattr",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "bpf",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "perf_event_open",
    "userfaultfd",
    "open_by_handle_at",
    "swapon",
    "swapoff",
    "reboot",
    "acct",
    "quotactl",
    "quotactl_fd",
    "io_uring_setup",
});

} // namespace

worker::SandboxState lockIn() {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0)
        throwErrno("set RLIMIT_CORE");
    installSyscallDenylist(kDenied);
    worker::SandboxState state;
    state.hasSyscallFilter = true;
    return state;
}

} // namespace mmsd::haproxy
