// SPDX-License-Identifier: MIT
// Tests of seccomp filters, each in a child of its own.
#include "common/syscall_filter.h"
#include "tests/support/catch.h"
#include "tests/unit/common/child_process.h"

#include "build_config.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <stdexcept>
#include <vector>

using mmsd::installSyscallFilter;
using mmsd::SyscallRule;
using mmsd::test::ChildResult;
using mmsd::test::kDeniedStatus;
using mmsd::test::runInChild;

namespace {

ChildResult runFiltered(std::vector<SyscallRule> rules, std::vector<const char*> refused,
                        const std::function<void()>& body) {
    rules.insert(rules.end(), {{"write"}, {"exit_group"}});
    return runInChild([&] {
        installSyscallFilter({.allowed = rules, .refused = refused});
        body();
    });
}

/** How a forbidden call ends, as the build option `sandbox` says. */
bool isForbidden(const ChildResult& child, [[maybe_unused]] const char* name) {
#if defined(MMSD_SANDBOX_TRAP)
    return child.hasExited(128 + SIGSYS) && child.errorText.find(name) != std::string::npos;
#elif defined(MMSD_SANDBOX_LOG)
    return child.hasExited(0);
#else
    return child.wasKilledBy(SIGSYS);
#endif
}

} // namespace

TEST_CASE("syscall filter: lets allowed calls live", "[common][sandbox]") {
    const auto child = runFiltered({{"getppid"}}, {}, [] {
        if (::syscall(SYS_getppid) <= 0)
            mmsd::test::exitNow(1);
        [[maybe_unused]] const auto count = ::write(STDERR_FILENO, "alive", 5);
    });
    CHECK(child.hasExited(0));
    CHECK(child.errorText == "alive");
}

TEST_CASE("syscall filter: kills any other call", "[common][sandbox]") {
    CHECK(isForbidden(runFiltered({}, {}, [] { ::syscall(SYS_getppid); }), "getppid"));
    CHECK(isForbidden(runFiltered({}, {}, [] { ::syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0); }),
                      "socket"));
}

TEST_CASE("syscall filter: kills numbers that no table knows", "[common][sandbox]") {
    CHECK(isForbidden(runFiltered({}, {}, [] { ::syscall(1000); }), "1000"));
}

#if defined(__x86_64__) && !defined(__ILP32__)
TEST_CASE("syscall filter: kills x32 numbers of allowed calls", "[common][sandbox]") {
    constexpr long kX32Bit = 0x4000'0000;
    const auto child = runFiltered({{"getppid"}}, {}, [] { ::syscall(kX32Bit | SYS_getppid); });
    CHECK(child.wasKilledBy(SIGSYS));
}

TEST_CASE("syscall filter: kills 32-bit calls", "[common][sandbox]") {
    const auto child = runFiltered({{"getppid"}}, {}, [] {
        long result = 64; // getppid of i386
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    });
    CHECK((child.wasKilledBy(SIGSYS) || child.wasKilledBy(SIGSEGV))); // SEGV: no IA32 emulation
}
#endif

TEST_CASE("syscall filter: answers refused calls with EACCES", "[common][sandbox]") {
    const auto child = runFiltered({}, {"openat", "getppid"}, [] {
        errno = 0;
        if (::open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES)
            mmsd::test::exitNow(1);
        if (::syscall(SYS_getppid) != -1 || errno != EACCES)
            mmsd::test::exitNow(2);
    });
    CHECK(child.hasExited(0));
}

TEST_CASE("syscall filter: compares the masked argument", "[common][sandbox]") {
    const std::vector<SyscallRule> rules{
        {"socket", SyscallRule::Argument{0, 0xFFFF'FFFF, AF_INET}},
        {"socket", SyscallRule::Argument{0, 0xFFFF'FFFF, AF_UNIX}},
        {"fcntl", SyscallRule::Argument{1, 0xFFFF'FFFF, F_GETFD}},
        {"openat", SyscallRule::Argument{2, O_ACCMODE, O_RDONLY}},
    };
    CHECK(runFiltered(rules, {}, [] {
              if (::socket(AF_INET, SOCK_DGRAM, 0) < 0 || ::socket(AF_UNIX, SOCK_STREAM, 0) < 0)
                  mmsd::test::exitNow(1);
              if (::fcntl(0, F_GETFD) < 0)
                  mmsd::test::exitNow(2);
              if (::open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
                  mmsd::test::exitNow(3);
          }).hasExited(0));
    CHECK(isForbidden(runFiltered(rules, {}, [] { ::socket(AF_NETLINK, SOCK_RAW, 0); }), "socket"));
    CHECK(isForbidden(runFiltered(rules, {}, [] { ::fcntl(0, F_GETFL); }), "fcntl"));
    CHECK(
        isForbidden(runFiltered(rules, {}, [] { (void)::open("/dev/null", O_WRONLY); }), "openat"));
}

TEST_CASE("syscall filter: compares up to three arguments", "[common][sandbox]") {
    const std::vector<SyscallRule> rules{{"socket", SyscallRule::Argument{0, 0xFFFF'FFFF, AF_INET},
                                          SyscallRule::Argument{1, 0xFFFF'FFFF, SOCK_DGRAM},
                                          SyscallRule::Argument{2, 0xFFFF'FFFF, 0}}};
    CHECK(runFiltered(rules, {}, [] {
              if (::socket(AF_INET, SOCK_DGRAM, 0) < 0)
                  mmsd::test::exitNow(1);
          }).hasExited(0));
    for (const auto& [family, type, protocol] :
         {std::array{AF_INET6, int{SOCK_DGRAM}, 0}, std::array{AF_INET, int{SOCK_STREAM}, 0},
          std::array{AF_INET, int{SOCK_DGRAM}, 17}})
        CHECK(isForbidden(runFiltered(rules, {}, [=] { ::socket(family, type, protocol); }),
                          "socket"));
}

TEST_CASE("syscall filter: ignores value bits outside the mask", "[common][sandbox]") {
    const auto child = runFiltered(
        {{"openat", SyscallRule::Argument{2, O_ACCMODE, O_CLOEXEC | O_RDONLY}}}, {}, [] {
            if (::open("/dev/null", O_RDONLY) < 0)
                mmsd::test::exitNow(1);
        });
    CHECK(child.hasExited(0));
}

TEST_CASE("syscall filter: skips names that it does not know", "[common][sandbox]") {
    const auto child = runFiltered({{"no_such_call"}, {"getppid"}, {"socketcall"}},
                                   {"not_this_one_either"}, [] { ::syscall(SYS_getppid); });
    CHECK(child.hasExited(0));
}

TEST_CASE("syscall filter: accepts a name twice, but not allowed and refused",
          "[common][sandbox]") {
    CHECK(runFiltered({{"getppid"}, {"getppid"}, {"write"}}, {"openat", "openat"}, [] {
              ::syscall(SYS_getppid);
          }).hasExited(0));
    const std::array<SyscallRule, 1> allowed{{{"openat"}}};
    const std::array<const char*, 1> refused{"openat"};
    CHECK_THROWS_AS(installSyscallFilter({.allowed = allowed, .refused = refused}),
                    std::runtime_error);
}

TEST_CASE("syscall filter: throws instead of running on unfiltered", "[common][sandbox]") {
    const std::array<SyscallRule, 1> wrong{{{"write", SyscallRule::Argument{6, 1, 1}}}};
    CHECK_THROWS_AS(installSyscallFilter({.allowed = wrong, .refused = {}}), std::runtime_error);
}

TEST_CASE("syscall filter: sets no_new_privs", "[common][sandbox]") {
    const auto child = runFiltered({{"prctl"}}, {}, [] {
        if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
            mmsd::test::exitNow(1);
    });
    CHECK(child.hasExited(0));
}

namespace {

using mmsd::DeniedSyscall;
using enum mmsd::DeniedSyscall::Condition;

/** errno of @p call under that denylist; 0 = it was let through to the kernel and worked. */
int errnoUnder(std::vector<DeniedSyscall> denied, const std::function<long()>& call) {
    int status = runInChild([&] {
                     mmsd::installSyscallDenylist(denied);
                     const long result = call();
                     mmsd::test::exitNow(result < 0 ? errno : 0);
                 }).status;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

long openSocket(int family) {
    return ::syscall(SYS_socket, family, SOCK_DGRAM, 0);
}

} // namespace

TEST_CASE("syscall denylist: refuses what it names and nothing else", "[common][sandbox]") {
    CHECK(errnoUnder({{"getppid"}}, [] { return ::syscall(SYS_getppid); }) == kDeniedStatus);
    CHECK(errnoUnder({{"getppid", Always, 0, 0, ENOSYS}}, [] { return ::syscall(SYS_getppid); }) ==
          ENOSYS);
    CHECK(errnoUnder({{"getppid"}}, [] { return ::syscall(SYS_getpid); }) == 0);
}

TEST_CASE("syscall denylist: looks at arguments", "[common][sandbox]") {
    const std::vector<DeniedSyscall> sockets{{"socket", Equals, 0, AF_INET},
                                             {"socket", AtLeast, 0, AF_NETLINK}};
    CHECK(errnoUnder(sockets, [] { return openSocket(AF_INET); }) == kDeniedStatus);
    CHECK(errnoUnder(sockets, [] { return openSocket(AF_UNIX); }) == 0);
    CHECK(errnoUnder(sockets, [] { return openSocket(AF_NETLINK); }) == kDeniedStatus);
    CHECK(errnoUnder(sockets, [] { return openSocket(AF_NETLINK + 1); }) == kDeniedStatus);
    // The kernel takes the lower half of an int: the upper one is no way around.
    CHECK(errnoUnder(sockets, [] {
              return ::syscall(SYS_socket, 0x1'0000'0000 | AF_INET, SOCK_DGRAM, 0);
          }) == kDeniedStatus);

    const std::vector<DeniedSyscall> bits{{"umask", HasBits, 0, 0x22}};
    CHECK(errnoUnder(bits, [] { return ::syscall(SYS_umask, 0x11); }) == 0);
    CHECK(errnoUnder(bits, [] { return ::syscall(SYS_umask, 0x02); }) == kDeniedStatus);
    CHECK(errnoUnder(bits, [] { return ::syscall(SYS_umask, 0x31); }) == kDeniedStatus);

    const std::vector<DeniedSyscall> others{{"getpgid", Differs, 0, 0}};
    CHECK(errnoUnder(others, [] { return ::syscall(SYS_getpgid, 0); }) == 0);
    CHECK(errnoUnder(others, [] { return ::syscall(SYS_getpgid, 1); }) == kDeniedStatus);
}

TEST_CASE("syscall denylist: throws for a name that nobody knows", "[common][sandbox]") {
    const std::array<DeniedSyscall, 1> unknown{{{"no_such_call"}}};
    CHECK_THROWS_AS(mmsd::installSyscallDenylist(unknown), std::runtime_error);
}

TEST_CASE("syscall denylist: knows recent calls that libseccomp may not", "[common][sandbox]") {
    constexpr long kOpenTreeAttr = 467;
    CHECK(errnoUnder({{"open_tree_attr", Always, 0, 0, EDOM}},
                     [] { return ::syscall(kOpenTreeAttr, -1, "", 0, nullptr, 0); }) == EDOM);
}

#if defined(__x86_64__) && !defined(__ILP32__)
TEST_CASE("syscall denylist: kills x32 numbers, whatever they name", "[common][sandbox]") {
    constexpr long kX32Bit = 0x4000'0000;
    CHECK(errnoUnder({{"ptrace"}}, [] { return ::syscall(kX32Bit | SYS_getpid); }) == -SIGSYS);
}
#endif
