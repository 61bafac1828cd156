// SPDX-License-Identifier: MIT
// Attacks on the kernel: the interfaces that most of its holes were found in, and on its clocks.
#include "tests/privileged/attacks/attack.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <array>

namespace mmsd::attack {

namespace {

/** The kernel looked at a module or an image, which is none: the right was there. */
int afterRights(long result) {
    const int error = outcome(result);
    return error == ENOEXEC || error == EINVAL || error == EFAULT || error == EBADF ||
                   error == ENOENT
               ? 0
               : error;
}

int makeBpfMap() {
    bpf_attr attributes{};
    attributes.map_type = BPF_MAP_TYPE_ARRAY;
    attributes.key_size = 4;
    attributes.value_size = 4;
    attributes.max_entries = 1;
    return outcome(::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

int countCycles() {
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.size = sizeof attributes;
    attributes.config = PERF_COUNT_SW_CPU_CLOCK;
    return outcome(::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

const Attack kAttacks[] = {
    {"kernel", "io_uring",
     [] {
         std::array<char, 256> parameters{};
         return outcome(::syscall(SYS_io_uring_setup, 1, parameters.data()));
     },
     true},
    {"kernel", "bpf", makeBpfMap, true},
    {"kernel", "perf_event_open", countCycles, true},
    {"kernel", "userfaultfd", [] { return outcome(::syscall(SYS_userfaultfd, 0)); }, true},
    {"kernel", "keyctl", // KEYCTL_GET_KEYRING_ID of the session
     [] { return outcome(::syscall(SYS_keyctl, 0, -3, 1)); }, true},
    {"kernel", "add_key",
     [] { return outcome(::syscall(SYS_add_key, "user", "attack", "x", 1, -2)); }, true},
    {"kernel", "load a module", [] { return afterRights(::syscall(SYS_init_module, "", 0, "")); },
     true},
    {"kernel", "load a module from a file",
     [] { return afterRights(::syscall(SYS_finit_module, -1, "", 0)); }, true},
    {"kernel", "remove a module",
     [] { return afterRights(::syscall(SYS_delete_module, "no_such_module", 0)); }, true},
    {"kernel", "load a kernel",
     [] { return afterRights(::syscall(SYS_kexec_load, 0, 17, nullptr, 0)); }, true},
    {"kernel", "read the kernel's log",
     [] { return outcome(::syscall(SYS_syslog, 10, nullptr, 0)); }, true},
    {"kernel", "set the clock", // to what it is: a change of nothing
     [] {
         timex adjustment{};
         adjustment.modes = ADJ_TICK;
         adjustment.tick = 10'000;
         return outcome(::syscall(SYS_adjtimex, &adjustment));
     },
     true},
    {"kernel", "reboot", // with a magic number that is wrong
     [] { return afterRights(::syscall(SYS_reboot, 0, 0, 0, nullptr)); }, true},
    {"kernel", "swap", [] { return afterRights(::syscall(SYS_swapon, "/nonexistent", 0)); }, true},
    {"kernel", "accounting", [] { return afterRights(::syscall(SYS_acct, "/nonexistent/file")); },
     true},
    {"kernel", "I/O ports", [] { return outcome(::syscall(SYS_ioperm, 0x80, 1, 1)); }, true},
    {"kernel", "name the host", [] { return afterRights(::syscall(SYS_sethostname, nullptr, 1)); },
     true},
    {"kernel", "x32 system calls", // getppid
     [] { return ::syscall(0x4000'0000 | SYS_getppid) > 0 ? 0 : errno; }, true},
    {"kernel", "32-bit system calls",
     [] {
         long result = 64; // getppid of i386
         __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
         return result > 0 ? 0 : EACCES;
     },
     true},
    {"kernel", "a number that no kernel has",
     [] {
         const int error = outcome(::syscall(1000));
         return error == ENOSYS ? 0 : error;
     }},
};

} // namespace

std::span<const Attack> kernelAttacks() noexcept {
    return kAttacks;
}

} // namespace mmsd::attack
