// SPDX-License-Identifier: MIT
// Both sides of an upgrade in place.
#include "daemon/upgrade.h"

#include "common/file_io.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "common/text.h"
#include "daemon/listen_sockets.h"
#include "daemon/process_plan.h"
#include "daemon/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <utility>

namespace mmsd::supervisor {

namespace {

/** VERSION,PID,as=USER and for each thing ,NAME:FD:PID:RESTARTS. The version changes with every
 *  change of this form or of its meaning. */
constexpr const char* kVariable = "MMSD_HANDOVER";
constexpr int kRehearsalLimit = 5000; ///< milliseconds

std::string header(pid_t writer, const std::string& runAs) {
    return "1," + std::to_string(writer) + ",as=" + runAs;
}

} // namespace

std::string findOwnPath() {
    std::array<char, PATH_MAX> path{};
    const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
    return {path.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

Successor::Successor(std::string program, std::span<const char* const> argv,
                     const std::string& runAs)
    : program_{std::move(program)}, argv_{argv}, text_{header(::getpid(), runAs)} {}

Successor::~Successor() {
    ::unsetenv(kVariable);
}

void Successor::pass(std::string_view name, int fd, pid_t pid, std::uint32_t restarts) {
    int copy = -1;
    if (fd >= 0 && (copy = ::fcntl(fd, F_DUPFD, STDERR_FILENO + 1)) < 0)
        throwErrno("duplicate a descriptor");
    fds_.emplace_back(copy);
    text_.append(",").append(name).append(":" + std::to_string(copy) + ':' + std::to_string(pid) +
                                          ':' + std::to_string(restarts));
    ::setenv(kVariable, text_.c_str(), 1);
}

void Successor::pass(std::string_view name, SnapshotChain chain) {
    const UniqueFd file{::memfd_create("mmsd-handover", MFD_CLOEXEC)};
    if (!file.isDefined())
        throwErrno("memfd_create");
    for (const SnapshotLink& link : chain)
        writeAll(file.get(), *link.frames);
    pass(name, file.get());
}

void Successor::rehearse() const {
    std::vector<char*> arguments;
    for (const char* argument : argv_)
        arguments.push_back(const_cast<char*>(argument));
    std::string check{"--check-config"};
    arguments.insert(arguments.end(), {check.data(), nullptr});

    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, program_.c_str(), nullptr, nullptr, arguments.data(), environ);
    if (error != 0)
        throwErrno("execute " + program_, error);
    // <sys/pidfd.h> of glibc 2.36 does not link from C++.
    const UniqueFd pidFd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    pollfd end{pidFd.get(), POLLIN, 0};
    if (::poll(&end, 1, kRehearsalLimit) != 1) // not interrupted: signals are blocked
        ::kill(pid, SIGKILL);
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0)
        throwErrno("waitid");
    if (info.si_code != CLD_EXITED || info.si_status != static_cast<int>(kRehearsed))
        throw StartError{ExitCode::Configuration,
                         program_ + " --check-config " + describeEnd(info.si_code, info.si_status)};
}

void Successor::execute() const {
    ::execv(program_.c_str(), const_cast<char* const*>(argv_.data()));
    throwErrno("execute " + program_);
}

Handover takeHandover(pid_t writer, const protocol::Settings& settings) {
    const char* const value = std::getenv(kVariable);
    if (value == nullptr)
        return {};
    const std::string text = value;
    ::unsetenv(kVariable);
    const auto refuse = [](std::string_view item) {
        throw StartError{ExitCode::Configuration, "cannot take over \"" + escapeText(item) + '"'};
    };
    const std::string expected = header(writer, settings.text("run-as")) + ',';
    if (!text.starts_with(expected))
        refuse(text.substr(0, expected.size()));
    Handover handover;
    for (const std::string_view item : splitList(std::string_view{text}.substr(expected.size()))) {
        const auto parts = splitList(item, ':');
        if (parts.size() != 4)
            refuse(item);
        const auto fd = parseNumber<int>(parts[1]);
        const auto pid = parseNumber<pid_t>(parts[2]);
        const auto restarts = parseNumber<std::uint32_t>(parts[3]);
        // What is closed on exec already has been taken by another item.
        const bool isOpen = fd > STDERR_FILENO && ::fcntl(*fd, F_GETFD) == 0 &&
                            ::fcntl(*fd, F_SETFD, FD_CLOEXEC) == 0;
        if (!fd || !pid || *pid < 0 || !restarts || (*fd != -1 && !isOpen) ||
            !handover.try_emplace(std::string{parts[0]}, UniqueFd{*fd}, *pid, *restarts).second)
            refuse(item);
    }
    return handover;
}

UniqueFd takeFd(Handover& handover, std::string_view name) {
    const auto found = handover.find(name);
    return found == handover.end() ? UniqueFd{} : std::move(found->second.fd);
}

ExitCode rehearse(Handover handover, const protocol::Settings& settings) {
    struct stat now {};
    struct stat before {};
    UniqueFd lock = takeFd(handover, kRunStateDir);
    if (::stat(settings.text(kRunStateDir).c_str(), &now) != 0 ||
        ::fstat(lock.get(), &before) != 0 || now.st_ino != before.st_ino ||
        now.st_dev != before.st_dev)
        throw StartError{ExitCode::Configuration,
                         "--run-state-dir changes only when mmsd is restarted"};
    const std::vector<ProcessPlan> plans = planProcesses(settings, ::geteuid() == 0);
    for (const ProcessPlan& plan : plans)
        if (plan.spec->leavesProcesses && !plan.isEnabled && handover.contains(plan.spec->name))
            throw StartError{ExitCode::Configuration, std::string{"turn --"} +
                                                          plan.spec->enabledBy +
                                                          " off with SIGHUP before"};
    prepareDirectories(plans, RunStateDir{settings.text(kRunStateDir), std::move(lock)});
    auto wanted = enabledListeners(plans);
    ListenSockets listeners;
    listeners.inherit(handover, wanted);
    // One more socket on a shared port would get a share of the clients, and take it along.
    std::erase_if(wanted, [&listeners](const ListenEndpoint& endpoint) {
        return std::ranges::any_of(listeners.all(), [&](const ListenSockets::Listener& other) {
            return other.endpoint.role == endpoint.role &&
                   other.endpoint.endpoint == endpoint.endpoint;
        });
    });
    static_cast<void>(listeners.openMissing(wanted));
    return kRehearsed;
}

} // namespace mmsd::supervisor
