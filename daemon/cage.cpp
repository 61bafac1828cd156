// SPDX-License-Identifier: MIT
// Capabilities, limits and a system call filter by hand: root links no library for it.
#include "daemon/cage.h"

#include "build_config.h"
#include "common/privileges.h"
#include "common/start_error.h"
#include "common/sys_error.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace mmsd::supervisor {

namespace {

/** Everything that is done with them is in README.md here. */
constexpr std::uint64_t kCapabilities =
    std::uint64_t{1} << CAP_CHOWN | std::uint64_t{1} << CAP_SETGID |
    std::uint64_t{1} << CAP_SETUID | std::uint64_t{1} << CAP_SETPCAP |
    std::uint64_t{1} << CAP_NET_BIND_SERVICE;

// A name that the headers do not have must not compile: nothing is skipped in silence.
constexpr auto kDenied = {
    // Other processes.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_pidfd_getfd,
    SYS_kcmp,
    // Mounts and namespaces.
    SYS_mount, SYS_umount2, SYS_mount_setattr, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns,
    SYS_open_by_handle_at,
    // The kernel itself.
    SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_swapon,
    SYS_swapoff, SYS_acct, SYS_quotactl, SYS_syslog, SYS_settimeofday, SYS_clock_settime,
    SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_vhangup,
    // Interfaces with a history of holes.
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_keyctl, SYS_add_key, SYS_request_key};

#if defined(__x86_64__) && !defined(__ILP32__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__) && !defined(__ILP32__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_RISCV64;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_PPC64LE;
#elif defined(__s390x__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_S390X;
#else
#error "Which AUDIT_ARCH_* is this? The system call filter must know."
#endif
/** Numbers from here on are those of x32, a second table of x86-64; used nowhere else. */
constexpr std::uint32_t kX32 = 0x40000000;

#if defined(MMSD_SANDBOX_LOG)
constexpr std::uint32_t kDeny = SECCOMP_RET_LOG; // sanitizers trace their own process
#else
constexpr std::uint32_t kDeny = SECCOMP_RET_ERRNO | EPERM;
#endif

} // namespace

void giveUpRights(bool isRoot) {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0)
        throwErrno("set RLIMIT_CORE");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        throwErrno("set no_new_privs");
    if (isRoot && !limitCapabilities(kCapabilities))
        throw StartError{ExitCode::Permission,
                         "cannot drop capabilities; root needs CAP_SETPCAP for it"};
}

void denySyscalls() {
    const auto add = [](std::uint16_t code, std::uint32_t value, std::uint8_t ifTrue = 0,
                        std::uint8_t ifFalse = 0) {
        return sock_filter{code, ifTrue, ifFalse, value};
    };
    constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
    constexpr std::uint16_t kReturn = BPF_RET | BPF_K;
    std::vector<sock_filter> program{
        add(kLoad, offsetof(seccomp_data, arch)),
        add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
        add(kReturn, SECCOMP_RET_KILL_PROCESS),
        add(kLoad, offsetof(seccomp_data, nr)),
        add(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1),
        add(kReturn, SECCOMP_RET_KILL_PROCESS),
    };
    for (const auto number : kDenied) {
        program.push_back(add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
        program.push_back(add(kReturn, kDeny));
    }
    program.push_back(add(kReturn, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0)
        throwErrno("install the system call filter");
}

} // namespace mmsd::supervisor
