// SPDX-License-Identifier: MIT
// What the launcher's children are given, what they have lost, and how failures are reported.
#include "common/file_io.h"
#include "daemon/launcher.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>

namespace mmsd::supervisor {

namespace {

constexpr int kSkipped = 77;
/** Ids that no system gives to anybody: they need no entry in passwd. */
constexpr Identity kNobodyKnown{61'001, 61'002};
constexpr std::chrono::seconds kDeadline{10};

/** Ends the whole program before the first test: a pass without root would be a lie. */
const bool isRoot = [] {
    if (::geteuid() == 0)
        return true;
    std::puts("SKIP: the launcher's tests need root");
    std::exit(kSkipped);
}();

/** A folder that everybody can enter, with the probe in it: build folders often are not. */
class StagedProbe {
public:
    StagedProbe() {
        std::filesystem::permissions(folder_.path(), std::filesystem::perms{0755});
        std::filesystem::copy_file(std::getenv("MMSD_PROBE_CHILD"), path());
        std::filesystem::permissions(path(), std::filesystem::perms{0755});
    }
    [[nodiscard]] std::string path() const { return folder_ / "probe"; }
    [[nodiscard]] const test::TempDir& folder() const noexcept { return folder_; }

private:
    test::TempDir folder_;
};

bool waitReadable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    const auto milliseconds = std::chrono::milliseconds{kDeadline}.count();
    return ::poll(&entry, 1, static_cast<int>(milliseconds)) == 1;
}

/** Waits for the end of a child and takes its exit status as waitid(2) has it. */
siginfo_t waitForEnd(const LaunchedProcess& child) {
    siginfo_t info{};
    const UniqueFd pidFd{static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0))};
    if (!waitReadable(pidFd.get()))
        ::kill(child.pid, SIGKILL);
    ::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED);
    return info;
}

/** All that the probe tells, until it shuts its end down. */
using Report = std::multimap<std::string, std::string>;

Report readReport(int channel) {
    std::string text;
    for (char buffer[4096]; waitReadable(channel);) {
        const ssize_t count = ::recv(channel, buffer, sizeof buffer, 0);
        if (count <= 0)
            break;
        text.append(buffer, static_cast<std::size_t>(count));
    }
    Report report;
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string line = text.substr(start, end - start);
        const std::size_t colon = line.find(":\t");
        report.emplace(line.substr(0, colon),
                       colon == std::string::npos ? "" : line.substr(colon + 2));
        start = end + 1;
    }
    return report;
}

std::string value(const Report& report, const std::string& key) {
    const auto found = report.find(key);
    return found == report.end() ? "(missing)" : found->second;
}

Report probe(const LaunchPlan& plan) {
    const LaunchedProcess child = launch(plan);
    Report report = readReport(child.channel.get());
    const siginfo_t info = waitForEnd(child);
    const auto failure = takeLaunchFailure(child.errorPipe.get());
    INFO((failure ? failure->toString() : "reached its executable"));
    CHECK(info.si_code == CLD_EXITED);
    CHECK(info.si_status == 0);
    return report;
}

LaunchFailure failureOf(const LaunchPlan& plan) {
    const LaunchedProcess child = launch(plan);
    const siginfo_t info = waitForEnd(child);
    CHECK(info.si_code == CLD_EXITED);
    CHECK(info.si_status == 71);
    return takeLaunchFailure(child.errorPipe.get()).value_or(LaunchFailure{});
}

struct Listener {
    UniqueFd fd;
    std::string port;
};

Listener listenAnywhere() {
    Listener listener{UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}, ""};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(::bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(listener.fd.get(), 1) == 0);
    ::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
    listener.port = std::to_string(ntohs(address.sin_port));
    return listener;
}

/** Runs @p body in a child of its own. @return its exit status, 255 if it was killed */
int inChild(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        for (const int number : {SIGTERM, SIGSEGV, SIGABRT})
            ::signal(number, SIG_DFL); // Catch2 catches them
        ::_exit(body());
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

} // namespace

TEST_CASE("launcher: the child is nobody but its user", "[launcher]") {
    const StagedProbe staged;
    const Report report = probe({.executable = staged.path(), .drop = {kNobodyKnown, {}}});

    CHECK(value(report, "Uid") == "61001\t61001\t61001\t61001");
    CHECK(value(report, "Gid") == "61002\t61002\t61002\t61002");
    CHECK((value(report, "Groups") == " " || value(report, "Groups").empty()));
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
        INFO(set);
        CHECK(value(report, set) == "0000000000000000");
    }
    CHECK(value(report, "NoNewPrivs") == "1");
    CHECK(value(report, "canBindLowPort") == "0");
}

TEST_CASE("launcher: a kept capability is the only one, in all sets", "[launcher]") {
    const StagedProbe staged;
    const Report report =
        probe({.executable = staged.path(), .drop = {kNobodyKnown, CAP_NET_BIND_SERVICE}});

    CHECK(value(report, "Uid") == "61001\t61001\t61001\t61001");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
        INFO(set);
        CHECK(value(report, set) == "0000000000000400");
    }
    CHECK(value(report, "NoNewPrivs") == "1");
    CHECK(value(report, "canBindLowPort") == "1");
    CHECK(value(report, "deathSignal") == std::to_string(SIGTERM));
}

TEST_CASE("launcher: supplementary groups of the parent are gone", "[launcher]") {
    const StagedProbe staged;
    CHECK(
        inChild([&] {
            const gid_t groups[] = {0, 27, 61'003};
            if (::setgroups(3, groups) != 0)
                return 1;
            const Report report = probe({.executable = staged.path(), .drop = {kNobodyKnown, {}}});
            return value(report, "Groups").find_first_of("0123456789") == std::string::npos ? 0 : 2;
        }) == 0);
}

TEST_CASE("launcher: folder, session, umask, limits and death signal", "[launcher]") {
    const StagedProbe staged;
    const LaunchedProcess child = launch({.executable = staged.path(), .drop = {kNobodyKnown, {}}});
    const Report report = readReport(child.channel.get());
    waitForEnd(child);

    CHECK(value(report, "cwd") == "/");
    CHECK(value(report, "Umask") == "0027");
    CHECK(value(report, "sid") == std::to_string(child.pid));
    CHECK(value(report, "coreLimit") == "0");
    CHECK(value(report, "deathSignal") == std::to_string(SIGTERM));
}

TEST_CASE("launcher: signals have their default dispositions and none is blocked", "[launcher]") {
    const StagedProbe staged;
    // As it is in the supervisor: some ignored, some handled, some blocked.
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGUSR2, [](int) {});
    sigset_t blocked;
    sigset_t previous;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &blocked, &previous);
    const Report report = probe({.executable = staged.path(), .drop = {kNobodyKnown, {}}});
    sigset_t now;
    ::sigprocmask(SIG_SETMASK, &previous, &now);
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGUSR2, SIG_DFL);

    for (const char* set : {"SigBlk", "SigIgn", "SigCgt"}) {
        INFO(set);
        CHECK(value(report, set) == "0000000000000000");
    }
    // The parent's own mask is as it was.
    CHECK(::sigismember(&now, SIGUSR1) == 1);
    CHECK(::sigismember(&now, SIGTERM) == 0);
}

TEST_CASE("launcher: no descriptor but the promised ones is inherited", "[launcher]") {
    const StagedProbe staged;
    // Neither close-on-exec nor anything else protects these.
    const UniqueFd low{::open("/etc/passwd", O_RDONLY)};
    const UniqueFd high{::fcntl(low.get(), F_DUPFD, 500)};
    const Report report = probe({.executable = staged.path(), .drop = {kNobodyKnown, {}}});

    CHECK(value(report, "fds") == "4");
    CHECK(value(report, "fd0") == "/dev/null");
    CHECK(report.contains("fd1"));
    CHECK(report.contains("fd2"));
    CHECK(value(report, "fd3").starts_with("socket:"));
}

TEST_CASE("launcher: sockets arrive in order, wherever they stood before", "[launcher]") {
    const StagedProbe staged;
    const Listener first = listenAnywhere();
    const Listener second = listenAnywhere();
    const Listener third = listenAnywhere();
    REQUIRE(first.fd.get() < second.fd.get());
    for (const auto& order :
         {std::vector{&first, &second, &third}, std::vector{&third, &first, &second},
          std::vector{&third, &second, &first}}) {
        LaunchPlan plan{.executable = staged.path(), .drop = {kNobodyKnown, {}}};
        for (const Listener* listener : order)
            plan.sockets.push_back(listener->fd.get());
        const Report report = probe(plan);
        CHECK(value(report, "fds") == "7");
        CHECK(value(report, "port4") == order[0]->port);
        CHECK(value(report, "port5") == order[1]->port);
        CHECK(value(report, "port6") == order[2]->port);
    }
}

TEST_CASE("launcher: a source that already stands on its target is inherited", "[launcher]") {
    const StagedProbe staged;
    const Listener listener = listenAnywhere();
    CHECK(inChild([&] {
              // dup2 onto itself would keep close-on-exec; 3 must become the channel.
              if (::dup3(listener.fd.get(), 9, O_CLOEXEC) != 9 || ::dup3(9, 4, O_CLOEXEC) != 4 ||
                  ::dup3(9, 3, O_CLOEXEC) != 3)
                  return 1;
              const Report report = probe(
                  {.executable = staged.path(), .drop = {kNobodyKnown, {}}, .sockets = {4, 3}});
              return value(report, "port4") == listener.port &&
                             value(report, "port5") == listener.port &&
                             value(report, "port3") == "(missing)" && value(report, "fds") == "6"
                         ? 0
                         : 2;
          }) == 0);
}

TEST_CASE("launcher: arguments and environment are the plan's and nothing else", "[launcher]") {
    const StagedProbe staged;
    ::setenv("SECRET_OF_ROOT", "x", 1);
    const Report report = probe({.executable = staged.path(),
                                 .arguments = {"--a=b c", ""},
                                 .environment = {"LANG=C"},
                                 .drop = {kNobodyKnown, {}}});
    ::unsetenv("SECRET_OF_ROOT");

    CHECK(value(report, "arg0") == staged.path());
    CHECK(value(report, "arg1") == "--a=b c");
    CHECK(value(report, "arg2").empty());
    CHECK_FALSE(report.contains("arg3"));
    CHECK(report.count("env") == 1);
    CHECK(value(report, "env") == "LANG=C");
}

TEST_CASE("launcher: an executable that is missing is reported with its errno", "[launcher]") {
    const LaunchFailure failure =
        failureOf({.executable = "/nonexistent/worker", .drop = {kNobodyKnown, {}}});
    CHECK(failure.step == LaunchStep::Execute);
    CHECK(failure.error == ENOENT);
    CHECK(failure.toString() == "cannot execute: No such file or directory");
}

TEST_CASE("launcher: the executable is opened with the worker's rights, not with ours",
          "[launcher]") {
    const StagedProbe staged;
    REQUIRE(::chmod(staged.folder().path().c_str(), 0700) == 0);
    const LaunchFailure failure =
        failureOf({.executable = staged.path(), .drop = {kNobodyKnown, {}}});
    CHECK(failure.step == LaunchStep::Execute);
    CHECK(failure.error == EACCES);
}

TEST_CASE("launcher: root is no user to become", "[launcher]") {
    const StagedProbe staged;
    LaunchFailure failure = failureOf({.executable = staged.path(), .drop = {Identity{0, 1}, {}}});
    CHECK(failure.step == LaunchStep::Privileges);
    CHECK(failure.dropStep == DropStep::Uid);
    CHECK(failure.error == EINVAL);
    failure = failureOf({.executable = staged.path(), .drop = {Identity{1, 0}, {}}});
    CHECK(failure.dropStep == DropStep::Gid);
    CHECK(failure.toString() == "cannot drop privileges: set the group: Invalid argument");
    // Without an identity, as when started without root: verification finds root.
    failure = failureOf({.executable = staged.path(), .drop = {}});
    CHECK(failure.step == LaunchStep::Privileges);
    CHECK(failure.dropStep == DropStep::VerifyRootIsGone);
    CHECK(failure.error == 0);
}

TEST_CASE("launcher: a right that is not there to keep stops the child", "[launcher]") {
    const StagedProbe staged;
    CHECK(inChild([&] {
              // Gone from all sets, the parent cannot hand it on.
              __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
              __user_cap_data_struct data[2]{};
              if (::syscall(SYS_capget, &header, data) != 0)
                  return 1;
              data[0].effective &= ~(1U << CAP_NET_BIND_SERVICE);
              data[0].permitted &= ~(1U << CAP_NET_BIND_SERVICE);
              if (::syscall(SYS_capset, &header, data) != 0)
                  return 2;
              const LaunchFailure failure = failureOf(
                  {.executable = staged.path(), .drop = {kNobodyKnown, CAP_NET_BIND_SERVICE}});
              return failure.step == LaunchStep::Privileges &&
                             failure.dropStep == DropStep::CapabilitySets && failure.error == EPERM
                         ? 0
                         : 3;
          }) == 0);
}

TEST_CASE("launcher: without CAP_SETPCAP the bounding set stays, so the child does not start",
          "[launcher]") {
    const StagedProbe staged;
    CHECK(inChild([&] {
              __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
              __user_cap_data_struct data[2]{};
              if (::syscall(SYS_capget, &header, data) != 0)
                  return 1;
              data[0].effective &= ~(1U << CAP_SETPCAP);
              if (::syscall(SYS_capset, &header, data) != 0)
                  return 2;
              const LaunchFailure failure =
                  failureOf({.executable = staged.path(), .drop = {kNobodyKnown, {}}});
              return failure.dropStep == DropStep::BoundingSet && failure.error == EPERM ? 0 : 3;
          }) == 0);
}

TEST_CASE("launcher: out of descriptors, the child says so", "[launcher]") {
    const StagedProbe staged;
    CHECK(inChild([&] {
              const LaunchPlan plan{.executable = staged.path(), .drop = {kNobodyKnown, {}}};
              // Enough for the launcher's own six, none for the child's second set.
              int next = ::dup(0);
              ::close(next);
              const rlimit limit{static_cast<rlim_t>(next) + 7, 4096};
              if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
                  return 1;
              const LaunchFailure failure = failureOf(plan);
              return failure.step == LaunchStep::Descriptors && failure.error == EMFILE ? 0 : 2;
          }) == 0);
}

TEST_CASE("launcher: started without root, the child is the caller without rights", "[launcher]") {
    const StagedProbe staged;
    CHECK(inChild([&] {
              if (::setgroups(0, nullptr) != 0 || ::setresgid(61'005, 61'005, 61'005) != 0 ||
                  ::setresuid(61'004, 61'004, 61'004) != 0)
                  return 1;
              const Report report = probe({.executable = staged.path(), .drop = {}});
              return value(report, "Uid") == "61004\t61004\t61004\t61004" &&
                             value(report, "CapEff") == "0000000000000000" &&
                             value(report, "NoNewPrivs") == "1" && value(report, "fds") == "4"
                         ? 0
                         : 2;
          }) == 0);
}

TEST_CASE("launcher: a child dies with its parent, without looking at its channel", "[launcher]") {
    const StagedProbe staged;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd readEnd{ends[0]};
    UniqueFd writeEnd{ends[1]};

    const pid_t parent = ::fork();
    REQUIRE(parent >= 0);
    if (parent == 0) {
        const LaunchedProcess child = launch(
            {.executable = staged.path(), .arguments = {"stay"}, .drop = {kNobodyKnown, {}}});
        // Its report shows that it runs; then we only wait to be killed, keeping the channel open.
        if (readReport(child.channel.get()).empty() ||
            ::write(writeEnd.get(), &child.pid, sizeof child.pid) != sizeof child.pid)
            ::_exit(1);
        ::pause();
        ::_exit(1);
    }
    writeEnd.reset();
    pid_t orphan = 0;
    REQUIRE(::read(readEnd.get(), &orphan, sizeof orphan) == sizeof orphan);
    const UniqueFd orphanFd{static_cast<int>(::syscall(SYS_pidfd_open, orphan, 0))};
    REQUIRE(orphanFd.isDefined());

    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    const bool isGone = waitReadable(orphanFd.get());
    if (!isGone)
        ::syscall(SYS_pidfd_send_signal, orphanFd.get(), SIGKILL, nullptr, 0);
    CHECK(isGone);
}

} // namespace mmsd::supervisor
