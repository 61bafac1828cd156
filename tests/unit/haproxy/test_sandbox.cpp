// SPDX-License-Identifier: MIT
// The denylist that HAProxy inherits: what it stops, and what must go on working.
#include "tests/support/catch.h"
#include "workers/haproxy-manager/sandbox.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace {

/** Exit status of a locked-in child that does this; 99 = it could not lock itself in. */
int inCage(int (*act)()) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        try {
            mmsd::haproxy::lockIn();
        } catch (...) {
            ::_exit(99);
        }
        ::_exit(act());
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int errnoOf(long result) {
    return result < 0 ? errno : 0;
}

} // namespace

TEST_CASE("haproxy sandbox: other processes, mounts and namespaces are out of reach",
          "[haproxy][sandbox]") {
    CHECK(inCage([] { return errnoOf(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }) == EPERM);
    CHECK(inCage([] { return errnoOf(::unshare(CLONE_NEWUSER)); }) == EPERM);
    CHECK(inCage([] { return errnoOf(::mount("none", "/", "tmpfs", 0, nullptr)); }) == EPERM);
    CHECK(inCage([] { return errnoOf(::chroot("/")); }) == EPERM);
}

TEST_CASE("haproxy sandbox: programs and sockets work", "[haproxy][sandbox]") {
    CHECK(inCage([] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 0 : 1; }) == 0);
    CHECK(inCage([] {
              ::execl("/bin/true", "true", nullptr);
              return 1;
          }) == 0);
}
