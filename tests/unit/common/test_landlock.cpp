// SPDX-License-Identifier: MIT
// Tests of Landlock rule sets, each in a child of its own.
#include "common/file_io.h"
#include "common/landlock.h"
#include "common/sys_error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/common/child_process.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <vector>

using mmsd::LandlockPath;
using mmsd::LandlockPolicy;
using mmsd::restrictWithLandlock;
using mmsd::test::runInChild;
using mmsd::test::TempDir;

namespace {

int kernelAbi() {
    const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U);
    return abi < 0 ? 0 : static_cast<int>(abi);
}

/** True (with a message) if the kernel is too old for a test. */
bool lacksAbi(int wanted) {
    if (kernelAbi() >= wanted)
        return false;
    WARN("skipped: needs Landlock ABI " << wanted << ", the kernel has " << kernelAbi());
    return true;
}

/** @return 0, or the errno of the failed open */
int tryOpen(const std::string& path, int flags) {
    const mmsd::UniqueFd fd{::open(path.c_str(), flags | O_CLOEXEC, 0600)};
    return fd.isDefined() ? 0 : errno;
}

/** Ends the child with @p code unless @p isTrue. */
void demand(bool isTrue, int code) {
    if (!isTrue)
        mmsd::test::exitNow(code);
}

struct Folders {
    Folders() {
        for (const char* const name : {"own", "shared", "secret"}) {
            std::filesystem::create_directory(root / name);
            mmsd::replaceFileAt(root.fd(), "file", "x", 0600);
            std::filesystem::copy(root / "file", root / (std::string{name} + "/file"));
        }
    }
    TempDir root;
    std::string own = root / "own";
    std::string shared = root / "shared";
    std::string secret = root / "secret";
    std::array<LandlockPath, 2> paths{{{own.c_str(), true}, {shared.c_str(), false}}};
};

} // namespace

TEST_CASE("landlock: opens only what the policy names", "[common][sandbox]") {
    if (lacksAbi(1))
        return;
    const Folders folders;
    const auto child = runInChild([&] {
        demand(restrictWithLandlock({.paths = folders.paths}) == std::min(kernelAbi(), 6), 1);
        demand(tryOpen(folders.own + "/file", O_RDWR) == 0, 2);
        demand(tryOpen(folders.own + "/new", O_WRONLY | O_CREAT) == 0, 3);
        demand(tryOpen(folders.shared + "/file", O_RDONLY) == 0, 4);
        demand(tryOpen(folders.shared, O_RDONLY | O_DIRECTORY) == 0, 5);
        demand(tryOpen(folders.shared + "/file", O_WRONLY) == EACCES, 6);
        demand(tryOpen(folders.shared + "/new", O_WRONLY | O_CREAT) == EACCES, 7);
        demand(tryOpen(folders.secret + "/file", O_RDONLY) == EACCES, 8);
        demand(tryOpen(folders.secret, O_RDONLY | O_DIRECTORY) == EACCES, 9);
        demand(tryOpen("/etc/passwd", O_RDONLY) == EACCES, 10);
        demand(::unlink((folders.shared + "/file").c_str()) != 0 && errno == EACCES, 11);
        demand(::mkdir((folders.secret + "/d").c_str(), 0700) != 0 && errno == EACCES, 12);
    });
    INFO(child.errorText);
    CHECK(child.hasExited(0));
}

TEST_CASE("landlock: a writable folder takes what workers do there", "[common][sandbox]") {
    if (lacksAbi(1))
        return;
    const Folders folders;
    const auto child = runInChild([&] {
        const mmsd::UniqueFd own{::open(folders.own.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        (void)restrictWithLandlock({.paths = folders.paths});
        mmsd::replaceFileAt(own.get(), "state", "1", 0640);
        mmsd::replaceFileAt(own.get(), "state", "2", 0640);
        demand(mmsd::readFileAt(own.get(), "state", 10) == "2", 1);
        demand(::mkdirat(own.get(), "d", 0700) == 0, 2);
        demand(::symlinkat("state", own.get(), "link") == 0, 3);
        demand(kernelAbi() < 2 || ::renameat(own.get(), "state", own.get(), "d/state") == 0, 4);
        demand(::unlinkat(own.get(), "d/state", 0) == 0 || kernelAbi() < 2, 5);
        demand(::mkfifoat(own.get(), "fifo", 0600) != 0 && errno == EACCES, 6);
        demand(kernelAbi() < 3 || ::truncate((folders.own + "/file").c_str(), 0) == 0, 7);

        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = folders.own + "/socket";
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        const mmsd::UniqueFd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        demand(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
                   0,
               8);
    });
    INFO(child.errorText);
    CHECK(child.hasExited(0));
}

TEST_CASE("landlock: takes single files and skips missing paths", "[common][sandbox]") {
    if (lacksAbi(1))
        return;
    const Folders folders;
    const std::string file = folders.secret + "/file";
    const std::string below = file + "/below";
    const std::array<LandlockPath, 4> paths{{{file.c_str(), true},
                                             {"/nonexistent/path", true},
                                             {below.c_str(), false},
                                             {"/dev/null", true}}};
    const auto child = runInChild([&] {
        (void)restrictWithLandlock({.paths = paths});
        demand(tryOpen(file, O_RDWR) == 0, 1);
        demand(tryOpen("/dev/null", O_RDWR) == 0, 2);
        demand(tryOpen(folders.own + "/file", O_RDONLY) == EACCES, 3);
    });
    INFO(child.errorText);
    CHECK(child.hasExited(0));
}

TEST_CASE("landlock: runs programs only from executable paths", "[common][sandbox]") {
    if (lacksAbi(1))
        return;
    const auto runTrue = [](bool isExecutable) {
        return runInChild([isExecutable] {
            const std::array<LandlockPath, 3> paths{{{"/usr", false, isExecutable},
                                                     {"/lib", false, isExecutable},
                                                     {"/lib64", false, isExecutable}}};
            (void)restrictWithLandlock({.paths = paths});
            ::execl("/usr/bin/true", "true", static_cast<char*>(nullptr));
            mmsd::test::exitNow(errno);
        });
    };
    CHECK(runTrue(true).hasExited(0));
    CHECK(runTrue(false).hasExited(EACCES));
}

TEST_CASE("landlock: sets no_new_privs itself", "[common][sandbox]") {
    if (lacksAbi(1))
        return;
    const auto child = runInChild([] {
        (void)restrictWithLandlock({});
        demand(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, 1);
    });
    CHECK(child.hasExited(0));
}

TEST_CASE("landlock: forbids TCP bind and connect unless they are asked for", "[common][sandbox]") {
    if (lacksAbi(4))
        return;
    const auto tryTcp = [](bool mayConnect, bool mayBind) {
        return runInChild([=] {
            (void)restrictWithLandlock(
                {.paths = {}, .mayConnectTcp = mayConnect, .mayBindTcp = mayBind});
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
            const mmsd::UniqueFd server{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
            const bool isBound = ::bind(server.get(), generic, sizeof(address)) == 0;
            demand(isBound == mayBind && (isBound || errno == EACCES), 1);
            address.sin_port = htons(1); // nobody listens: ECONNREFUSED if it may be asked
            const mmsd::UniqueFd client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
            demand(::connect(client.get(), generic, sizeof(address)) != 0, 2);
            demand(errno == (mayConnect ? ECONNREFUSED : EACCES), 3);
            const mmsd::UniqueFd udp{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
            address.sin_port = 0;
            demand(::bind(udp.get(), generic, sizeof(address)) == 0, 4); // UDP is not its business
        });
    };
    CHECK(tryTcp(false, false).hasExited(0));
    CHECK(tryTcp(true, false).hasExited(0));
    CHECK(tryTcp(false, true).hasExited(0));
    CHECK(tryTcp(true, true).hasExited(0));
}

TEST_CASE("landlock: keeps signals inside unless they are asked for", "[common][sandbox]") {
    if (lacksAbi(6))
        return;
    const pid_t outside = ::getpid();
    const auto trySignal = [outside](bool maySignalOthers) {
        return runInChild([=] {
            (void)restrictWithLandlock({.paths = {}, .maySignalOthers = maySignalOthers});
            demand((::kill(outside, 0) == 0) == maySignalOthers, 1);
            demand(::kill(::getpid(), 0) == 0, 2);
            const pid_t own = ::fork(); // same domain
            if (own == 0) {
                ::pause();
                mmsd::test::exitNow(0);
            }
            demand(::kill(own, SIGKILL) == 0, 3);
            demand(::waitpid(own, nullptr, 0) == own, 4);
        });
    };
    CHECK(trySignal(false).hasExited(0));
    CHECK(trySignal(true).hasExited(0));
}

TEST_CASE("landlock: asks for all that an ABI has and nothing that it does not",
          "[common][sandbox]") {
    // Source: Linux, Documentation/userspace-api/landlock.rst, "Kernel support".
    struct Expected {
        int abi;
        std::uint64_t files;
        std::uint64_t network;
        std::uint64_t scoped;
    };
    constexpr std::uint64_t kBase = 0x1fff;
    for (const Expected& each :
         {Expected{1, kBase, 0, 0}, Expected{2, kBase | 0x2000, 0, 0},
          Expected{3, kBase | 0x6000, 0, 0}, Expected{4, kBase | 0x6000, 3, 0},
          Expected{5, kBase | 0xe000, 3, 0}, Expected{6, kBase | 0xe000, 3, 3}}) {
        CAPTURE(each.abi);
        const mmsd::LandlockRuleset found = mmsd::landlockRuleset({}, each.abi);
        CHECK(found.handledFiles == each.files);
        CHECK(found.handledNetwork == each.network);
        CHECK(found.scoped == each.scoped);
        const mmsd::LandlockRuleset lax = mmsd::landlockRuleset(
            {.paths = {}, .mayConnectTcp = true, .mayBindTcp = true, .maySignalOthers = true},
            each.abi);
        CHECK(lax.handledFiles == each.files);
        CHECK(lax.handledNetwork == 0);
        CHECK(lax.scoped == (each.abi >= 6 ? 1 : 0)); // abstract sockets: never asked for
    }
    CHECK(mmsd::landlockRuleset({.paths = {}, .mayConnectTcp = true}, 4).handledNetwork == 1);
    CHECK(mmsd::landlockRuleset({.paths = {}, .mayBindTcp = true}, 4).handledNetwork == 2);
}

TEST_CASE("landlock: holds files with every ABI that this kernel can play", "[common][sandbox]") {
    const Folders folders;
    for (int abi = 1; abi <= std::min(kernelAbi(), mmsd::kNewestLandlockAbi); ++abi) {
        CAPTURE(abi);
        const auto child = runInChild([&] {
            demand(restrictWithLandlock({.paths = folders.paths}, abi) == abi, 1);
            demand(tryOpen(folders.own + "/file", O_RDWR) == 0, 2);
            demand(tryOpen(folders.shared + "/file", O_RDONLY) == 0, 3);
            demand(tryOpen(folders.shared + "/file", O_WRONLY) == EACCES, 4);
            demand(tryOpen(folders.secret + "/file", O_RDONLY) == EACCES, 5);
            demand(::unlink((folders.secret + "/file").c_str()) != 0 && errno == EACCES, 6);
            // What the confd-writer and the watcher do.
            const mmsd::UniqueFd own{::open(folders.own.c_str(), O_RDONLY | O_DIRECTORY)};
            mmsd::replaceFileAt(own.get(), "state", "1", 0640);
            demand(mmsd::readFileAt(own.get(), "state", 10) == "1", 7);
            const int truncated = ::truncate((folders.secret + "/file").c_str(), 0);
            demand(abi < 3 ? truncated == 0 : truncated != 0 && errno == EACCES, 8);
        });
        INFO(child.errorText);
        CHECK(child.hasExited(0));
    }
}

TEST_CASE("landlock: reports a path that cannot be opened", "[common][sandbox]") {
    if (lacksAbi(1))
        return;
    const std::string tooLong(5000, 'x');
    const std::array<LandlockPath, 1> paths{{{tooLong.c_str(), false}}};
    CHECK_THROWS_AS(restrictWithLandlock({.paths = paths}), mmsd::SysError);
}
