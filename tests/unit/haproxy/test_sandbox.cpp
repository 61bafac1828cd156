// SPDX-License-Identifier: MIT
// The denylist that HAProxy inherits: what it stops, and what must go on working.
#include "tests/support/catch.h"
#include "tests/unit/common/child_process.h"
#include "workers/haproxy-manager/sandbox.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

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
    CHECK(inCage([] { return errnoOf(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }) ==
          mmsd::test::kDeniedStatus);
    CHECK(inCage([] { return errnoOf(::unshare(CLONE_NEWUSER)); }) == mmsd::test::kDeniedStatus);
    CHECK(inCage([] { return errnoOf(::mount("none", "/", "tmpfs", 0, nullptr)); }) ==
          mmsd::test::kDeniedStatus);
    CHECK(inCage([] { return errnoOf(::chroot("/")); }) == mmsd::test::kDeniedStatus);
    CHECK(inCage([] {
              return errnoOf(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
          }) == mmsd::test::kDeniedStatus);
    CHECK(inCage([] { return errnoOf(::syscall(SYS_clone3, nullptr, 0)); }) == ENOSYS);
    CHECK(inCage([] { return errnoOf(::socket(AF_VSOCK, SOCK_STREAM, 0)); }) == EAFNOSUPPORT);
    CHECK(inCage([] { return errnoOf(::socket(64, SOCK_STREAM, 0)); }) == EAFNOSUPPORT);
    CHECK(inCage([] { return errnoOf(::ioctl(0, TIOCSTI, "x")); }) == mmsd::test::kDeniedStatus);
    CHECK(inCage([] { return errnoOf(::personality(READ_IMPLIES_EXEC)); }) ==
          mmsd::test::kDeniedStatus);
    CHECK(inCage([] {
              rlimit limit{};
              return errnoOf(::prlimit(1, RLIMIT_NOFILE, nullptr, &limit));
          }) == mmsd::test::kDeniedStatus);
}

TEST_CASE("haproxy sandbox: programs and sockets work", "[haproxy][sandbox]") {
    for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}) {
        CAPTURE(family);
        static int wanted;
        wanted = family;
        CHECK(inCage([] { return errnoOf(::socket(wanted, SOCK_DGRAM, 0)); }) == 0);
    }
    CHECK(inCage([] {
              rlimit limit{};
              return errnoOf(::prlimit(0, RLIMIT_NOFILE, nullptr, &limit));
          }) == 0);
    CHECK(inCage([] { // HAProxy's threads
              std::thread{[] {}}.join();
              return 0;
          }) == 0);
    CHECK(inCage([] {
              ::execl("/bin/true", "true", nullptr);
              return 1;
          }) == 0);
}
