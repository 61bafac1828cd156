// SPDX-License-Identifier: MIT
// Starting programs: HAProxy, its checks, and the operator's commands.
#include "workers/haproxy-manager/child_process.h"

#include "common/duration.h"
#include "common/sys_error.h"
#include "workers/haproxy-manager/patience.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

namespace mmsd::haproxy {

namespace {

/** Enough for thousands of messages of `haproxy -c`; the rest says the same. */
constexpr std::size_t kOutputLimit = 1u << 20;

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> list;
    list.reserve(texts.size() + 1);
    for (const std::string& text : texts)
        list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
}

void say(const char* text) noexcept {
    [[maybe_unused]] const ssize_t count = ::write(STDERR_FILENO, text, std::strlen(text));
}

/** What the child needs, made before the fork: between fork and exec nothing may be allocated. */
struct Prepared {
    std::vector<char*> arguments;
    std::vector<char*> environment;
    const char* folder;
    bool keepsCapabilities;
    bool ignoresSigpipe;
    int nullFd;
    int outputFd;
};

[[noreturn]] void becomeProgram(const Prepared& prepared) noexcept {
    const char* failed = nullptr;
    ::setsid();
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number)
        ::sigaction(number, &standard, nullptr);
    // HAProxy ignores it itself, but only when it has read its configuration.
    if (prepared.ignoresSigpipe)
        ::signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::dup2(prepared.nullFd, STDIN_FILENO) < 0 || ::dup2(prepared.outputFd, STDOUT_FILENO) < 0 ||
        ::dup2(prepared.outputFd, STDERR_FILENO) < 0)
        ::_exit(127);
    if (::syscall(SYS_close_range, 3U, ~0U, 0U) != 0)
        failed = "close descriptors";
    else if (::chdir(prepared.folder) != 0)
        failed = "enter folder";
    else if (!prepared.keepsCapabilities &&
             ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        failed = "drop capabilities";
    if (failed == nullptr) {
        ::execve(prepared.arguments[0], prepared.arguments.data(), prepared.environment.data());
        failed = prepared.arguments[0];
    }
    const char* const reason = strerrordesc_np(errno);
    say("cannot start: ");
    say(failed);
    say(": ");
    say(reason != nullptr ? reason : "?");
    say("\n");
    ::_exit(127);
}

/** No signal may run one of our handlers in the child: they write into our event loop's pipe. */
class AllSignalsBlocked {
public:
    AllSignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        ::sigprocmask(SIG_SETMASK, &all, &before_);
    }
    ~AllSignalsBlocked() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    AllSignalsBlocked(const AllSignalsBlocked&) = delete;
    AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

void setBlocking(int fd, bool isBlocking) {
    const int flags = ::fcntl(fd, F_GETFL);
    const int wanted = isBlocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    if (flags < 0 || ::fcntl(fd, F_SETFL, wanted) != 0)
        throwErrno("set the mode of a pipe");
}

/** Kills a command and what it started, unless it ended by itself. */
class CommandGuard {
public:
    explicit CommandGuard(const ChildProcess& child) noexcept : child_{child} {}
    ~CommandGuard() { end(); }
    CommandGuard(const CommandGuard&) = delete;
    CommandGuard& operator=(const CommandGuard&) = delete;

    void end() noexcept {
        if (std::exchange(isEnded_, true))
            return;
        ::kill(-child_.pid, SIGKILL);
        signalProcess(child_.pidFd, SIGKILL);
        static_cast<void>(reap(child_.pidFd));
    }
    [[nodiscard]] std::string reapEnded() noexcept {
        isEnded_ = true;
        return reap(child_.pidFd);
    }

private:
    const ChildProcess& child_;
    bool isEnded_ = false;
};

bool hasEnded(const UniqueFd& pidFd) noexcept {
    siginfo_t info{};
    return ::waitid(P_PIDFD, static_cast<id_t>(pidFd.get()), &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid != 0;
}

/** Reads what is there. @return false at the end of the output */
bool readOutput(const UniqueFd& fd, std::string& output) {
    char buffer[16'384];
    for (;;) {
        const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
        if (count > 0)
            output.append(buffer, std::min(static_cast<std::size_t>(count),
                                           kOutputLimit - std::min(kOutputLimit, output.size())));
        else if (count == 0)
            return false;
        else if (errno != EINTR)
            return errno == EAGAIN;
    }
}

} // namespace

ChildProcess spawnChild(const SpawnRequest& request) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        throwErrno("make a pipe");
    ChildProcess child;
    child.output.reset(ends[0]);
    const UniqueFd writeEnd{ends[1]};
    setBlocking(writeEnd.get(), !request.mayLoseOutput);
    const UniqueFd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    if (!null.isDefined())
        throwErrno("open /dev/null");
    const Prepared prepared{pointers(request.arguments),
                            pointers(request.environment),
                            request.folder.c_str(),
                            request.keepsCapabilities,
                            request.mayLoseOutput,
                            null.get(),
                            writeEnd.get()};
    {
        const AllSignalsBlocked blocked;
        child.pid = ::fork();
        if (child.pid == 0)
            becomeProgram(prepared);
    }
    if (child.pid < 0)
        throwErrno("fork");
    child.pidFd = openProcess(child.pid);
    return child;
}

UniqueFd openProcess(pid_t pid) {
    // <sys/pidfd.h> of glibc 2.36 does not link from C++.
    UniqueFd fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U))};
    if (!fd.isDefined())
        throwErrno("open process " + std::to_string(pid));
    return fd;
}

bool signalProcess(const UniqueFd& pidFd, int signal) noexcept {
    return ::syscall(SYS_pidfd_send_signal, pidFd.get(), signal, nullptr, 0U) == 0;
}

std::chrono::nanoseconds cpuTime(pid_t pid) noexcept {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
        return std::chrono::nanoseconds{0};
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

std::string reap(const UniqueFd& pidFd) noexcept {
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(pidFd.get()), &info, WEXITED) != 0)
        return "gone";
    return (info.si_code == CLD_EXITED ? "exit status " : "signal ") +
           std::to_string(info.si_status);
}

Task<CommandResult> runCommand(Reactor reactor, SpawnRequest request,
                               std::optional<std::chrono::milliseconds> limit) {
    constexpr std::chrono::seconds kPatienceInterval{1};
    const auto start = reactor.timers.now();
    Patience patience{start};
    const ChildProcess child = spawnChild(request);
    CommandGuard guard{child};
    CommandResult result;
    int outputFd = child.output.get();
    for (;;) {
        // Its output may stay open after its end, held by something that it left behind.
        const std::array<FdWait::Watch, 2> watches{{{child.pidFd.get()}, {outputFd}}};
        const auto until = limit ? start + *limit : reactor.timers.now() + kPatienceInterval;
        const bool isReady = co_await FdWait{reactor, watches, until};
        if (!readOutput(child.output, result.output))
            outputFd = -1;
        if (!isReady && (limit || patience.isOver(reactor.timers.now(), cpuTime(child.pid)))) {
            guard.end();
            result.how = limit ? "time limit of " + formatDuration(*limit) : "came to no end";
            co_return result;
        }
        if (hasEnded(child.pidFd))
            break;
    }
    result.how = guard.reapEnded();
    static_cast<void>(readOutput(child.output, result.output));
    result.isSuccess = result.how == "exit status 0";
    co_return result;
}

} // namespace mmsd::haproxy
