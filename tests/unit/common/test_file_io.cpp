// SPDX-License-Identifier: MIT
// Tests of bounded reads and atomic replacement.
#include "common/file_io.h"
#include "common/sys_error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/common/child_process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <set>
#include <thread>

using mmsd::readFile;
using mmsd::readFileAt;
using mmsd::replaceFileAt;
using mmsd::SysError;
using mmsd::test::TempDir;

namespace {

void put(const std::string& path, std::string_view content) {
    std::ofstream{path} << content;
}

std::set<std::string> namesIn(const TempDir& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{folder.path()})
        names.insert(entry.path().filename());
    return names;
}

mode_t modeOf(const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

template <typename Call> int errorOf(Call call) {
    try {
        call();
    } catch (const SysError& error) {
        return error.code().value();
    }
    return 0;
}

void ignoreSignal(int) {}

} // namespace

TEST_CASE("file_io: opens with close-on-exec and names the path", "[common][file_io]") {
    const TempDir folder;
    put(folder / "a", "x");
    const mmsd::UniqueFd fd = mmsd::openFile(folder / "a", O_RDONLY);
    CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
    const std::string missing = folder / "missing";
    CHECK_THROWS_WITH(mmsd::openFile(missing, O_RDONLY),
                      "open " + missing + ": No such file or directory");
}

TEST_CASE("file_io: reads files up to the limit", "[common][file_io]") {
    const TempDir folder;
    const std::string path = folder / "a";
    put(path, "");
    CHECK(readFile(path, 0).empty());
    CHECK(readFile(path, 10).empty());
    put(path, "0123456789");
    CHECK(readFile(path, 10) == "0123456789");
    CHECK(readFile(path, 1'000'000) == "0123456789");
    CHECK(errorOf([&] { (void)readFile(path, 9); }) == EFBIG);
    CHECK(errorOf([&] { (void)readFile(path, 0); }) == EFBIG);

    const std::string large(3'000'000, 'x');
    put(path, large);
    CHECK(readFile(path, large.size()) == large);
    CHECK(errorOf([&] { (void)readFile(path, large.size() - 1); }) == EFBIG);
}

TEST_CASE("file_io: reads what does not tell its size", "[common][file_io]") {
    CHECK(readFile("/proc/self/stat", 4096).starts_with(std::to_string(::getpid()) + " ("));
    CHECK(readFile("/dev/null", 4096).empty());
    CHECK(errorOf([] { (void)readFile("/dev/zero", 100'000); }) == EFBIG);
}

TEST_CASE("file_io: reads a pipe that is filled piece by piece", "[common][file_io]") {
    const TempDir folder;
    const std::string path = folder / "fifo";
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    const std::string content(300'000, 'y');
    std::thread writer{[&] {
        const auto fd = mmsd::openFile(path, O_WRONLY);
        mmsd::writeAll(fd.get(), std::as_bytes(std::span{content}));
    }};
    const std::string got = readFile(path, 1'000'000);
    writer.join();
    CHECK(got == content);
}

TEST_CASE("file_io: tells a missing file from a failure", "[common][file_io]") {
    const TempDir folder;
    put(folder / "a", "x");
    CHECK(readFileAt(folder.fd(), "a", 10) == "x");
    CHECK_FALSE(readFileAt(folder.fd(), "b", 10));
    CHECK(errorOf([&] { (void)readFile(folder / "b", 10); }) == ENOENT);
    CHECK(errorOf([&] { (void)readFileAt(folder.fd(), "a/b", 10); }) == ENOTDIR);
    CHECK(errorOf([&] { (void)readFileAt(-1, "a", 10); }) == EBADF);
    CHECK(errorOf([&] { (void)readFile(folder.path(), 10); }) == EISDIR);
}

TEST_CASE("file_io: replaces content and mode", "[common][file_io]") {
    const TempDir folder;
    const mode_t oldMask = ::umask(077);
    replaceFileAt(folder.fd(), "a", "one", 0644);
    ::umask(oldMask);
    CHECK(readFile(folder / "a", 10) == "one");
    CHECK(modeOf(folder / "a") == 0644);
    replaceFileAt(folder.fd(), "a", std::string_view{"t\0o", 3}, 0600);
    CHECK(readFile(folder / "a", 10) == std::string_view{"t\0o", 3});
    CHECK(modeOf(folder / "a") == 0600);
    replaceFileAt(folder.fd(), "a", "", 0600);
    CHECK(readFile(folder / "a", 10).empty());
    CHECK(namesIn(folder) == std::set<std::string>{"a"});
}

TEST_CASE("file_io: replaces a link itself, not what it names", "[common][file_io]") {
    const TempDir folder;
    put(folder / "target", "old");
    REQUIRE(::symlink("target", (folder / "a").c_str()) == 0);
    REQUIRE(::symlink("target", (folder / ".a.tmp").c_str()) == 0);
    replaceFileAt(folder.fd(), "a", "new", 0600);
    CHECK(readFile(folder / "target", 10) == "old");
    CHECK(readFile(folder / "a", 10) == "new");
    CHECK(namesIn(folder) == std::set<std::string>{"a", "target"});
}

TEST_CASE("file_io: survives a temporary file left by a crash", "[common][file_io]") {
    const TempDir folder;
    put(folder / ".a.tmp", "half of somethi");
    replaceFileAt(folder.fd(), "a", "new", 0600);
    CHECK(readFile(folder / "a", 10) == "new");
    CHECK(namesIn(folder) == std::set<std::string>{"a"});
}

TEST_CASE("file_io: gives up if the temporary name cannot be freed", "[common][file_io]") {
    const TempDir folder;
    put(folder / "a", "old");
    std::filesystem::create_directory(folder / ".a.tmp");
    CHECK(errorOf([&] { replaceFileAt(folder.fd(), "a", "new", 0600); }) == EISDIR);
    CHECK(readFile(folder / "a", 10) == "old");
}

TEST_CASE("file_io: handles names up to the file system's limit", "[common][file_io]") {
    const TempDir folder;
    const std::string name(255, 'n');
    replaceFileAt(folder.fd(), name, "x", 0600);
    replaceFileAt(folder.fd(), name, "y", 0600);
    CHECK(readFileAt(folder.fd(), name, 10) == "y");
    CHECK(namesIn(folder) == std::set<std::string>{name});
    CHECK(errorOf([&] { replaceFileAt(folder.fd(), name + "n", "x", 0600); }) == ENAMETOOLONG);
    CHECK(namesIn(folder) == std::set<std::string>{name});
}

TEST_CASE("file_io: keeps the old file when the new one cannot be renamed", "[common][file_io]") {
    const TempDir folder;
    std::filesystem::create_directory(folder / "a");
    CHECK(errorOf([&] { replaceFileAt(folder.fd(), "a", "new", 0600); }) == EISDIR);
    CHECK(namesIn(folder) == std::set<std::string>{"a"});
}

TEST_CASE("file_io: keeps the old file when writing fails midway", "[common][file_io]") {
    const TempDir folder;
    replaceFileAt(folder.fd(), "a", "old", 0600);
    const auto child = mmsd::test::runInChild([&] {
        const rlimit limit{10'000, 10'000}; // a short write, then EFBIG
        ::signal(SIGXFSZ, SIG_IGN);
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0)
            mmsd::test::exitNow(1);
        if (errorOf([&] { replaceFileAt(folder.fd(), "a", std::string(20'000, 'x'), 0600); }) !=
            EFBIG)
            mmsd::test::exitNow(2);
    });
    CHECK(child.hasExited(0));
    CHECK(readFile(folder / "a", 10) == "old");
    CHECK(namesIn(folder) == std::set<std::string>{"a"});
}

TEST_CASE("file_io: shows a concurrent reader whole files only", "[common][file_io]") {
    const TempDir folder;
    const std::string one(50'000, '1');
    const std::string two(70'000, '2');
    replaceFileAt(folder.fd(), "a", one, 0600);
    std::atomic<bool> isDone = false;
    std::atomic<int> tornCount = 0;
    std::atomic<int> readCount = 0;
    std::thread reader{[&] {
        while (!isDone || readCount == 0) {
            const auto content = readFileAt(folder.fd(), "a", 100'000);
            if (!content || (*content != one && *content != two))
                ++tornCount;
            ++readCount;
        }
    }};
    for (int i = 0; i < 300; ++i)
        replaceFileAt(folder.fd(), "a", i % 2 == 0 ? two : one, 0600);
    isDone = true;
    reader.join();
    CHECK(tornCount == 0);
    CHECK(readCount > 0);
}

TEST_CASE("file_io: writeAll retries interrupted and short writes", "[common][file_io]") {
    const std::string content(2'000'000, 'z');
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const mmsd::UniqueFd readEnd{ends[0]};
    mmsd::UniqueFd writeEnd{ends[1]};
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        // Without SA_RESTART each tick ends a write that waits, with what it has written so far.
        struct sigaction action {};
        action.sa_handler = ignoreSignal;
        const itimerval ticks{{0, 200}, {0, 200}};
        if (::sigaction(SIGALRM, &action, nullptr) != 0 ||
            ::setitimer(ITIMER_REAL, &ticks, nullptr) != 0)
            mmsd::test::exitNow(1);
        mmsd::test::exitNow(
            errorOf([&] { mmsd::writeAll(writeEnd.get(), std::as_bytes(std::span{content})); }));
    }
    writeEnd.reset();
    std::string got;
    std::array<char, 1000> buffer{};
    for (ssize_t count = 0; (count = ::read(readEnd.get(), buffer.data(), buffer.size())) > 0;)
        got.append(buffer.data(), static_cast<std::size_t>(count));
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    CHECK(got == content);
}

TEST_CASE("file_io: writeAll reports errors", "[common][file_io]") {
    const auto full = mmsd::openFile("/dev/full", O_WRONLY);
    const std::string content = "x";
    const auto bytes = std::as_bytes(std::span{content});
    CHECK(errorOf([&] { mmsd::writeAll(full.get(), bytes); }) == ENOSPC);
    CHECK(errorOf([&] { mmsd::writeAll(-1, bytes); }) == EBADF);
    CHECK_NOTHROW(mmsd::writeAll(full.get(), {}));
}
