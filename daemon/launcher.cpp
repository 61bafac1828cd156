// SPDX-License-Identifier: MIT
// Between fork and exec: no allocation, no log, every result checked.
#include "daemon/launcher.h"

#include "common/exit_code.h"
#include "common/file_io.h"
#include "common/sys_error.h"
#include "protocol/limits.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace mmsd::supervisor {

namespace {

constexpr int kChannelFd = protocol::kFirstSocketFd - 1;

/** What the child reads; made before the fork. */
struct ChildPlan {
    struct Descriptor {
        int source;
        int target;
    };
    const char* executable;
    std::vector<char*> arguments;
    std::vector<char*> environment;
    DropPlan drop;
    std::vector<Descriptor> descriptors;
    int errorPipe;
    pid_t parent;
};

/** A null-terminated array for execve(2), borrowed from @p strings. */
void appendPointers(std::vector<char*>& out, const std::vector<std::string>& strings) {
    for (const std::string& text : strings)
        out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
}

bool resetSignals() noexcept {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    // EINVAL: SIGKILL, SIGSTOP, and the two that the C library keeps for itself.
    for (int signal = 1; signal < NSIG; ++signal)
        if (::sigaction(signal, &action, nullptr) != 0 && errno != EINVAL)
            return false;
    return true;
}

/** Puts each descriptor where the child expects it; exec closes all others. */
bool placeDescriptors(ChildPlan& plan) noexcept {
    const int firstFree = plan.descriptors.back().target + 1;
    const int errorPipe = ::fcntl(plan.errorPipe, F_DUPFD_CLOEXEC, firstFree);
    if (errorPipe < 0)
        return false;
    plan.errorPipe = errorPipe;
    // First all out of the way: a source may stand where another one has to go, and dup2() onto
    // itself would leave O_CLOEXEC set.
    for (auto& descriptor : plan.descriptors) {
        descriptor.source = ::fcntl(descriptor.source, F_DUPFD_CLOEXEC, firstFree);
        if (descriptor.source < 0)
            return false;
    }
    for (const auto& descriptor : plan.descriptors)
        if (::dup2(descriptor.source, descriptor.target) < 0)
            return false;
    return ::close_range(static_cast<unsigned>(firstFree), ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

/** Never returns if all goes well. */
LaunchFailure becomeWorker(ChildPlan& plan) noexcept {
    const auto failed = [](LaunchStep step) { return LaunchFailure{step, DropStep::None, errno}; };

    if (!resetSignals())
        return failed(LaunchStep::Signals);
    if (!placeDescriptors(plan))
        return failed(LaunchStep::Descriptors);
    if (::setsid() < 0)
        return failed(LaunchStep::Session);
    ::umask(0027);
    if (::chdir("/") != 0)
        return failed(LaunchStep::Directory);
    // No core file: a worker's memory holds what others must not read. RLIMIT_NPROC is the
    // worker's own business: 0 here would make execve() fail.
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0)
        return failed(LaunchStep::Limits);
    const DropFailure drop = dropPrivileges(plan.drop);
    if (drop.step != DropStep::None)
        return {LaunchStep::Privileges, drop.step, drop.error};
    // Here, as setresuid() clears it; and the parent may have died just before. Root cannot have it
    // sent without CAP_KILL: see HangAlarm.
    if (::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0 || ::getppid() != plan.parent)
        return failed(LaunchStep::ParentDeath);
    sigset_t empty;
    ::sigemptyset(&empty);
    if (::sigprocmask(SIG_SETMASK, &empty, nullptr) != 0)
        return failed(LaunchStep::Signals);
    ::execve(plan.executable, plan.arguments.data(), plan.environment.data());
    return failed(LaunchStep::Execute);
}

} // namespace

std::string LaunchFailure::toString() const {
    static constexpr const char* kSteps[] = {
        "nothing", "reset the signals", "place the descriptors", "start a session",
        "enter /", "set the limits",    "drop privileges",       "follow the supervisor's death",
        "execute"};
    std::string text = std::string{"cannot "} + kSteps[static_cast<std::size_t>(step)];
    if (step == LaunchStep::Privileges)
        text.append(": ").append(mmsd::toString(dropStep));
    return text + ": " + (error != 0 ? std::strerror(error) : "the state is not the wanted one");
}

LaunchedProcess launch(const LaunchPlan& plan) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        throwErrno("socketpair");
    UniqueFd ourChannel{pair[0]};
    const UniqueFd theirChannel{pair[1]};
    if (::pipe2(pair, O_CLOEXEC | O_NONBLOCK) != 0)
        throwErrno("pipe2");
    UniqueFd ourErrorPipe{pair[0]};
    const UniqueFd theirErrorPipe{pair[1]};
    const UniqueFd null = openFile("/dev/null", O_RDONLY);

    ChildPlan child{};
    child.executable = plan.executable.c_str();
    child.arguments.push_back(const_cast<char*>(child.executable));
    appendPointers(child.arguments, plan.arguments);
    appendPointers(child.environment, plan.environment);
    child.drop = plan.drop;
    child.descriptors = {{null.get(), STDIN_FILENO}, {theirChannel.get(), kChannelFd}};
    for (const int socket : plan.sockets)
        child.descriptors.push_back({socket, child.descriptors.back().target + 1});
    child.errorPipe = theirErrorPipe.get();
    child.parent = ::getpid();

    // Blocked until the child has default dispositions.
    sigset_t all;
    sigset_t previous;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &previous);
    const pid_t pid = ::fork();
    if (pid == 0) {
        const LaunchFailure failure = becomeWorker(child);
        [[maybe_unused]] const ssize_t count = ::write(child.errorPipe, &failure, sizeof failure);
        ::_exit(static_cast<int>(ExitCode::OperatingSystem));
    }
    const int forkError = errno;
    ::sigprocmask(SIG_SETMASK, &previous, nullptr);
    if (pid < 0)
        throwErrno("fork", forkError);

    return {pid, plan.drop.identity ? plan.drop.identity->uid : 0, std::move(ourChannel),
            std::move(ourErrorPipe)};
}

void signalChild(const LaunchedProcess& child, int number) noexcept {
    // Until it drops its privileges it is root, too. It cannot signal us back meanwhile: that goes
    // by our real and saved user.
    if (::kill(child.pid, number) == 0 || errno != EPERM || ::seteuid(child.user) != 0)
        return;
    ::kill(child.pid, number);
    // The kernel has set "dumpable" to fs.suid_dumpable.
    if (::seteuid(0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        std::abort();
}

std::optional<LaunchFailure> takeLaunchFailure(int errorPipe) {
    LaunchFailure failure;
    if (::read(errorPipe, &failure, sizeof failure) != sizeof failure)
        return std::nullopt;
    return failure;
}

std::vector<std::string> childEnvironment() {
    constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::vector<std::string> environment;
    for (const char* name : {"PATH", "LANG", "TZ", "JOURNAL_STREAM"}) {
        const char* value = std::getenv(name);
        if (value == nullptr && std::strcmp(name, "PATH") == 0)
            value = kPath;
        if (value != nullptr)
            environment.push_back(std::string{name} + '=' + value);
    }
    return environment;
}

} // namespace mmsd::supervisor
