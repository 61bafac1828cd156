// SPDX-License-Identifier: MIT
// Attacks on files: secrets, other processes' folders, ways around a closed door.
#include "tests/privileged/attacks/attack.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>

namespace mmsd::attack {

namespace {

int tryOpen(const std::string& path, int flags) {
    return outcome(::syscall(SYS_openat, AT_FDCWD, path.c_str(), flags | O_CLOEXEC, 0600));
}

std::string below(const char* variable, const char* rest) {
    return std::string{victim(variable)} + rest;
}

int openByHandle() {
    alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + 128> place{};
    reinterpret_cast<file_handle*>(place.data())->handle_bytes = 128;
    int mount = 0;
    if (::syscall(SYS_name_to_handle_at, AT_FDCWD, "/etc/shadow", place.data(), &mount, 0) < 0)
        return errno;
    const long root = ::syscall(SYS_openat, AT_FDCWD, "/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return errno;
    return outcome(::syscall(SYS_open_by_handle_at, root, place.data(), O_RDONLY));
}

const Attack kAttacks[] = {
    {"files", "read /etc/shadow", [] { return tryOpen("/etc/shadow", O_RDONLY); }},
    {"files", "read /etc/passwd", [] { return tryOpen("/etc/passwd", O_RDONLY); }},
    {"files", "list /", [] { return tryOpen("/", O_RDONLY | O_DIRECTORY); }},
    {"files", "create a file in /tmp", [] { return tryOpen("/tmp", O_WRONLY | O_TMPFILE); }},
    {"files", "create a file in /etc", [] { return tryOpen("/etc", O_WRONLY | O_TMPFILE); }},
    {"files", "create a file in run-state-dir",
     [] { return tryOpen(victim("MMSD_STATE_DIR"), O_WRONLY | O_TMPFILE); }},
    {"files", "change a pid file",
     [] { return tryOpen(below("MMSD_STATE_DIR", "/pids/api-server.pid"), O_WRONLY); }},
    {"files", "read the watcher's folder",
     [] { return tryOpen(below("MMSD_STATE_DIR", "/watcher"), O_RDONLY | O_DIRECTORY); }},
    {"files", "change the watcher's state",
     [] { return tryOpen(below("MMSD_STATE_DIR", "/watcher/snapshot.bin"), O_WRONLY); }},
    {"files", "change the confd-writer's files",
     [] { return tryOpen(below("MMSD_STATE_DIR", "/confd"), O_WRONLY | O_TMPFILE); }},
    {"files", "read HAProxy's configuration",
     [] { return tryOpen(below("MMSD_STATE_DIR", "/haproxy/haproxy.cfg"), O_RDONLY); }},
    {"files", "read mmsd's configuration", [] { return tryOpen(victim("MMSD_CONFIG"), O_RDONLY); }},
    {"files", "write to a device", [] { return tryOpen("/dev/null", O_WRONLY); }},
    {"files", "open a terminal", [] { return tryOpen("/dev/ptmx", O_RDWR | O_NOCTTY); }, true},
    {"files", "stat a file outside",
     [] {
         struct stat status {};
         return outcome(::syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &status, 0));
     }},
    {"files", "rename", // onto itself: nothing is changed
     [] {
         const char* const file = victim("MMSD_OUTSIDE_FILE");
         return outcome(::syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, file, 0));
     }},
    {"files", "change a mode",
     [] { return outcome(::syscall(SYS_fchmodat, AT_FDCWD, victim("MMSD_OUTSIDE_FILE"), 0644)); }},
    {"files", "change an owner",
     [] {
         return outcome(::syscall(SYS_fchownat, AT_FDCWD, victim("MMSD_OUTSIDE_FILE"), 0, 0, 0));
     }},
    {"files", "truncate",
     [] { return outcome(::syscall(SYS_truncate, victim("MMSD_OUTSIDE_FILE"), 0)); }},
    {"files", "make a link to a file outside",
     [] {
         const std::string link = below("MMSD_OUTSIDE_FILE", ".link");
         const long result = ::syscall(SYS_linkat, AT_FDCWD, victim("MMSD_OUTSIDE_FILE"), AT_FDCWD,
                                       link.c_str(), 0);
         const int error = outcome(result);
         if (result == 0)
             ::syscall(SYS_unlinkat, AT_FDCWD, link.c_str(), 0);
         return error;
     }},
    {"files", "make a device",
     [] {
         const std::string path = below("MMSD_OUTSIDE_FILE", ".device");
         const long result = ::syscall(SYS_mknodat, AT_FDCWD, path.c_str(), S_IFCHR | 0600, 0x103);
         const int error = outcome(result);
         if (result == 0)
             ::syscall(SYS_unlinkat, AT_FDCWD, path.c_str(), 0);
         return error;
     }},
    {"files", "open by handle", openByHandle, true},
    {"files", "openat2",
     [] {
         const std::array<std::uint64_t, 3> how{O_RDONLY, 0, 0};
         return outcome(::syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how.data(), sizeof how));
     }},
    {"files", "watch files", [] { return outcome(::syscall(SYS_inotify_init1, 0)); }},
    {"files", "watch a mount", [] { return outcome(::syscall(SYS_fanotify_init, 0, 0)); }, true},
    {"files", "push into a terminal", // TIOCSTI's number, on a descriptor that is no terminal
     [] {
         const int error = outcome(::syscall(SYS_ioctl, 0, 0x5412, "x"));
         return error == ENOTTY || error == EINVAL ? 0 : error;
     }},
};

} // namespace

std::span<const Attack> fileAttacks() noexcept {
    return kAttacks;
}

} // namespace mmsd::attack
