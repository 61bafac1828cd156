// SPDX-License-Identifier: MIT
// Attacks on other processes: starting, tracing, signalling and reading them.
#include "tests/privileged/attacks/attack.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace mmsd::attack {

namespace {

int twin() {
    return victimNumber("MMSD_TWIN_PID");
}

int supervisor() {
    return victimNumber("MMSD_SUPERVISOR_PID");
}

int tryProc(int pid, const char* what, int flags) {
    const std::string path = "/proc/" + std::to_string(pid) + '/' + what;
    return outcome(::syscall(SYS_openat, AT_FDCWD, path.c_str(), flags | O_CLOEXEC));
}

/** The traced process goes on untraced when this one ends, which is at once. */
int trace(int pid) {
    return outcome(::syscall(SYS_ptrace, PTRACE_SEIZE, pid, nullptr, nullptr));
}

int touchMemory(long number, int pid) {
    char byte = 0;
    const iovec local{&byte, 0};
    const iovec remote{nullptr, 0};
    return outcome(::syscall(number, pid, &local, 1, &remote, 1, 0));
}

int spawn() {
    const long pid = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (pid == 0)
        ::syscall(SYS_exit_group, 0);
    if (pid > 0)
        ::syscall(SYS_wait4, pid, nullptr, 0, nullptr);
    return outcome(pid);
}

int execute(const char* path) {
    const char* const arguments[] = {path, nullptr};
    // What it starts ends with 0, as an attack that worked.
    ::syscall(SYS_execve, path, arguments, nullptr);
    return errno;
}

int executeMemory() {
    const long memory = ::syscall(SYS_memfd_create, "attack", 0);
    if (memory < 0)
        return errno;
    constexpr char kScript[] = "#!/bin/true\n";
    if (::write(static_cast<int>(memory), kScript, sizeof kScript - 1) < 0)
        return errno;
    const char* const arguments[] = {"attack", nullptr};
    ::syscall(SYS_execveat, memory, "", arguments, nullptr, AT_EMPTY_PATH);
    return errno;
}

int takeDescriptor(int pid) {
    const long process = ::syscall(SYS_pidfd_open, pid, 0);
    if (process < 0)
        return errno;
    return outcome(::syscall(SYS_pidfd_getfd, process, 2, 0));
}

const Attack kAttacks[] = {
    {"processes", "fork", [] { return spawn(); }},
    {"processes", "clone3", // a size of 0 is refused, but only by the kernel's own check
     [] {
         const int error = outcome(::syscall(SYS_clone3, nullptr, 0));
         return error == EINVAL ? 0 : error;
     }},
    {"processes", "run a program", [] { return execute("/bin/true"); }},
    {"processes", "run a program that becomes root",
     [] {
         // A copy of grep(1) with the setuid bit: it ends with 0 if it could read that file.
         const char* const program = victim("MMSD_SETUID_GREP");
         const char* const arguments[] = {program, "-q", ".", "/etc/shadow", nullptr};
         ::syscall(SYS_execve, program, arguments, nullptr);
         return errno;
     }},
    {"processes", "run a program from memory", executeMemory},
    {"processes", "trace a process of the same user", [] { return trace(twin()); }},
    {"processes", "trace the supervisor", [] { return trace(supervisor()); }},
    {"processes", "be traced",
     [] { return outcome(::syscall(SYS_ptrace, PTRACE_TRACEME, 0, nullptr, nullptr)); }, true},
    {"processes", "signal a process of the same user",
     [] { return outcome(::syscall(SYS_kill, twin(), 0)); }},
    {"processes", "signal the supervisor",
     [] { return outcome(::syscall(SYS_kill, supervisor(), 0)); }},
    {"processes", "signal another worker",
     [] { return outcome(::syscall(SYS_kill, victimNumber("MMSD_OTHER_PID"), 0)); }},
    {"processes", "signal init", [] { return outcome(::syscall(SYS_kill, 1, 0)); }},
    {"processes", "signal a thread (tgkill)",
     [] { return outcome(::syscall(SYS_tgkill, supervisor(), supervisor(), 0)); }},
    {"processes", "read memory of the same user's process",
     [] { return touchMemory(SYS_process_vm_readv, twin()); }},
    {"processes", "write memory of the same user's process",
     [] { return touchMemory(SYS_process_vm_writev, twin()); }},
    {"processes", "read the supervisor's memory",
     [] { return touchMemory(SYS_process_vm_readv, supervisor()); }},
    {"processes", "take a descriptor of the same user's process",
     [] { return takeDescriptor(twin()); }},
    {"processes", "take a descriptor of the supervisor",
     [] { return takeDescriptor(supervisor()); }},
    {"processes", "open /proc of the same user's process",
     [] { return tryProc(twin(), "mem", O_RDWR); }},
    {"processes", "open /proc of the supervisor",
     [] { return tryProc(supervisor(), "mem", O_RDWR); }},
    {"processes", "open /proc/1/environ", [] { return tryProc(1, "environ", O_RDONLY); }, true},
    {"processes", "open /proc/1/root", [] { return tryProc(1, "root", O_RDONLY | O_DIRECTORY); },
     true},
    {"processes", "open /proc/1/mem", [] { return tryProc(1, "mem", O_RDWR); }, true},
    {"processes", "list /proc",
     [] { return outcome(::syscall(SYS_openat, AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY)); }},
    {"processes", "write own memory by /proc/self/mem",
     [] { return outcome(::syscall(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR)); }},
    {"processes", "compare descriptors (kcmp)",
     [] { return outcome(::syscall(SYS_kcmp, twin(), ::getpid(), 0, 0, 0)); }, true},
    {"processes", "limit another process (prlimit64)",
     [] {
         rlimit limit{};
         return outcome(::syscall(SYS_prlimit64, twin(), RLIMIT_NOFILE, nullptr, &limit));
     },
     true},
    {"processes", "slow another process down", // to what it has already
     [] {
         const long now = ::syscall(SYS_getpriority, PRIO_PROCESS, twin()); // 20 - nice
         if (now < 0)
             return errno;
         return outcome(::syscall(SYS_setpriority, PRIO_PROCESS, twin(), 20 - now));
     },
     true},
    {"processes", "schedule in real time",
     [] {
         const int priority = 1;
         return outcome(::syscall(SYS_sched_setscheduler, 0, 1, &priority));
     },
     true},
    {"processes", "share memory (System V)",
     [] {
         const long segment = ::syscall(SYS_shmget, IPC_PRIVATE, 4096, 0600);
         const int error = outcome(segment);
         if (segment >= 0)
             ::syscall(SYS_shmctl, segment, IPC_RMID, nullptr);
         return error;
     },
     true},
    {"processes", "message queue",
     [] {
         const long queue = ::syscall(SYS_msgget, IPC_PRIVATE, 0600);
         const int error = outcome(queue);
         if (queue >= 0)
             ::syscall(SYS_msgctl, queue, IPC_RMID, nullptr);
         return error;
     },
     true},
};

} // namespace

std::span<const Attack> processAttacks() noexcept {
    return kAttacks;
}

} // namespace mmsd::attack
