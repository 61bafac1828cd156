// SPDX-License-Identifier: MIT
// Tests of what each worker's cage forbids; that the normal path lives is in
// test_supervised_run.cpp.
#include "common/file_io.h"
#include "common/loop_sandbox.h"
#include "common/start_error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/common/child_process.h"
#include "tests/unit/common/rare_calls.h"
#include "workers/api-server/sandbox_policy.h"
#include "workers/confd-writer/sandbox_policy.h"
#include "workers/runtime/inherited_fds.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

using namespace mmsd;
using test::ChildResult;
using test::exitNow;
using test::runInChild;

namespace {

ChildResult runCaged(const worker::SandboxPolicy& policy, const std::vector<std::string>& writable,
                     const std::function<void()>& body) {
    return runInChild([&] {
        worker::enterSandbox(policy, {}, {writable, {}});
        body();
    });
}

struct Forbidden {
    const char* name;
    void (*call)();
};

/** What no worker may do, whatever it is. */
const Forbidden kForbiddenToAll[] = {
    {"socket", [] { ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
    {"socketpair",
     [] {
         int ends[2];
         ::syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ends);
     }},
    {"connect", [] { ::syscall(SYS_connect, 0, nullptr, 0); }},
    {"bind", [] { ::syscall(SYS_bind, 0, nullptr, 0); }},
    {"listen", [] { ::syscall(SYS_listen, 0, 1); }},
    {"execve", [] { ::syscall(SYS_execve, "/nonexistent", nullptr, nullptr); }},
    {"execveat", [] { ::syscall(SYS_execveat, -1, "/nonexistent", nullptr, nullptr, 0); }},
    {"fork", [] { ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr); }},
    {"clone3", [] { ::syscall(SYS_clone3, nullptr, 0); }},
    {"kill", [] { ::syscall(SYS_kill, ::getpid(), 0); }},
    {"ptrace", [] { ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, nullptr, nullptr); }},
    {"setuid", [] { ::syscall(SYS_setuid, 0); }},
    {"prctl", [] { ::syscall(SYS_prctl, 0, 0, 0, 0, 0); }},
    {"executable mmap",
     [] {
         ::syscall(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
     }},
    {"executable mprotect",
     [] { ::syscall(SYS_mprotect, nullptr, 0, PROT_READ | PROT_WRITE | PROT_EXEC); }},
    {"fcntl other than flags", [] { ::syscall(SYS_fcntl, 0, F_SETOWN, 0); }},
    {"ioctl", [] { ::syscall(SYS_ioctl, 0, 0, nullptr); }},
    {"connecting by TCP fast open",
     [] { ::syscall(SYS_sendto, 0, nullptr, 0, MSG_FASTOPEN, nullptr, 0); }},
    {"the same by sendmsg", [] { ::syscall(SYS_sendmsg, 0, nullptr, MSG_FASTOPEN); }},
    {"sending to an address",
     [] {
         const sockaddr address{};
         ::syscall(SYS_sendto, 0, nullptr, 0, 0, &address, sizeof address);
     }},
    {"ending a listener for all", [] { ::syscall(SYS_shutdown, 5, SHUT_RDWR); }},
    {"signals but abort(3)'s", [] { ::syscall(SYS_tgkill, 0, 0, SIGTERM); }},
    {"taking pages away", [] { ::syscall(SYS_madvise, nullptr, 0, MADV_REMOVE); }},
    {"moving pages", [] { ::syscall(SYS_mremap, nullptr, 0, 0, MREMAP_FIXED, nullptr); }},
    {"mount", [] { ::syscall(SYS_mount, nullptr, nullptr, nullptr, 0, nullptr); }},
    {"chmod", [] { ::syscall(SYS_fchmodat, AT_FDCWD, "/nonexistent", 0); }},
    {"symlink", [] { ::syscall(SYS_symlinkat, "a", AT_FDCWD, "/nonexistent/b"); }},
};

} // namespace

TEST_CASE("sandbox: no worker may do what none needs", "[workers][sandbox]") {
    test::TempDir dir;
    for (const Forbidden& each : kForbiddenToAll) {
        CAPTURE(each.name);
        CHECK(isForbidden(runCaged(confd::sandboxPolicy(), {dir.path()}, each.call)));
        CHECK(isForbidden(runCaged(api::sandboxPolicy(), {}, each.call)));
    }
}

TEST_CASE("sandbox: rare needs of a process and its C library are met", "[workers][sandbox]") {
    test::TempDir dir;
    test::checkRareCalls(
        [&](const auto& call) { return runCaged(confd::sandboxPolicy(), {dir.path()}, call); });
    test::checkRareCalls([](const auto& call) { return runCaged(api::sandboxPolicy(), {}, call); });
}

TEST_CASE("sandbox: the api-server opens no file", "[workers][sandbox]") {
    const auto call = [] { ::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY); };
    CHECK(isForbidden(runCaged(api::sandboxPolicy(), {}, call)));
    CHECK(isForbidden(runCaged(api::sandboxPolicy(), {},
                               [] { ::syscall(SYS_unlinkat, AT_FDCWD, "/nonexistent", 0); })));
    CHECK(isForbidden(
        runCaged(api::sandboxPolicy(), {}, [] { ::syscall(SYS_accept, -1, nullptr, nullptr); })));
}

TEST_CASE("sandbox: the confd-writer accepts nobody", "[workers][sandbox]") {
    const auto call = [] { ::syscall(SYS_accept4, -1, nullptr, nullptr, 0); };
    test::TempDir dir;
    CHECK(isForbidden(runCaged(confd::sandboxPolicy(), {dir.path()}, call)));
}

TEST_CASE("sandbox: the confd-writer reaches its folder and nothing else", "[workers][sandbox]") {
    test::TempDir dir;
    test::TempDir other;
    std::ofstream{other / "file"} << "x";
    const std::string outside = other / "file";
    const auto child = runCaged(confd::sandboxPolicy(), {dir.path()}, [&] {
        replaceFileAt(dir.fd(), "file", "content", 0644);
        if (readFileAt(dir.fd(), "file", 100) != "content")
            exitNow(1);
        if (::open(outside.c_str(), O_RDONLY) >= 0 || errno != EACCES)
            exitNow(2);
        if (::open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
            exitNow(3);
        if (::openat(dir.fd(), "../x", O_WRONLY | O_CREAT, 0600) >= 0)
            exitNow(4);
        if (::unlinkat(other.fd(), "file", 0) == 0)
            exitNow(5);
    });
    CAPTURE(child.errorText);
    // Without Landlock in the kernel, file permissions are all there is.
    const auto abi = runInChild([&] {
        if (worker::enterSandbox(confd::sandboxPolicy(), {}, {}).landlockAbi == 0)
            exitNow(1);
    });
    if (abi.hasExited(0))
        CHECK(child.hasExited(0));
}

TEST_CASE("sandbox: resources are limited", "[workers][sandbox]") {
    CHECK(runInChild([] {
              limitResources();
              rlimit limit{1, 1};
              ::getrlimit(RLIMIT_CORE, &limit);
              if (limit.rlim_max != 0)
                  exitNow(1);
              ::getrlimit(RLIMIT_NPROC, &limit);
              if (limit.rlim_max != 0)
                  exitNow(2);
          }).hasExited(0));
}

TEST_CASE("inherited descriptors: must be what their role says", "[workers][runtime]") {
    const auto adopt = [](int fd, const char* role) {
        return runInChild([&] {
            try {
                const auto sockets = worker::adoptSockets({{static_cast<std::uint8_t>(fd), role}});
                const int adopted = sockets.at(role).get();
                if (adopted != fd || (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0 ||
                    ::fcntl(fd, F_GETFD) != FD_CLOEXEC)
                    exitNow(2);
            } catch (const StartError&) {
                exitNow(1);
            }
        });
    };
    const UniqueFd reserved{::open("/dev/null", O_RDONLY)}; // so that none of ours is number 3
    const UniqueFd listener{::socket(AF_INET, SOCK_STREAM, 0)};
    REQUIRE(::listen(listener.get(), 1) == 0);
    const UniqueFd unlistening{::socket(AF_INET6, SOCK_STREAM, 0)};
    const UniqueFd datagram{::socket(AF_INET, SOCK_DGRAM, 0)};
    const UniqueFd local{::socket(AF_UNIX, SOCK_STREAM, 0)};
    const UniqueFd file{::open("/dev/null", O_RDONLY)};
    CHECK(adopt(listener.get(), "api-tcp").hasExited(0));
    CHECK(adopt(datagram.get(), "dns-udp").hasExited(0));
    CHECK(adopt(listener.get(), "api-udp").hasExited(1));
    CHECK(adopt(listener.get(), "api").hasExited(1));
    CHECK(adopt(unlistening.get(), "api-tcp").hasExited(1));
    CHECK(adopt(datagram.get(), "api-tcp").hasExited(1));
    CHECK(adopt(local.get(), "api-tcp").hasExited(1));
    CHECK(adopt(file.get(), "api-tcp").hasExited(1));
    CHECK(adopt(3, "api-tcp").hasExited(1));
    CHECK(adopt(250, "api-tcp").hasExited(1));
}

TEST_CASE("inherited descriptors: the channel must be a unix stream socket", "[workers][runtime]") {
    CHECK(runInChild([] {
              int ends[2];
              if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || ::dup2(ends[0], 3) != 3)
                  exitNow(9);
              const UniqueFd channel = worker::adoptChannel();
              if ((::fcntl(3, F_GETFL) & O_NONBLOCK) == 0)
                  exitNow(1);
          }).hasExited(0));
    CHECK(runInChild([] {
              ::dup2(::open("/dev/null", O_RDONLY), 3);
              try {
                  static_cast<void>(worker::adoptChannel());
              } catch (const StartError& error) {
                  exitNow(static_cast<int>(error.code()));
              }
          }).hasExited(static_cast<int>(ExitCode::Usage)));
}
