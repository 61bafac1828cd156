// SPDX-License-Identifier: MIT
// take_over: starts a taken-over worker once per attack, as the supervisor starts the real one.
#include "common/log.h"
#include "common/sys_error.h"
#include "daemon/launcher.h"
#include "daemon/listen_sockets.h"
#include "daemon/options.h"
#include "daemon/process_plan.h"
#include "protocol/control_messages.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "tests/privileged/attacks/attack.h"
#include "tests/privileged/attacks/run_attack.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace mmsd::attack {

namespace {

using namespace mmsd::supervisor;

constexpr const char* kUsage =
    "usage: take_over PROCESS EXECUTABLE [FLAG of mmsd…]\n"
    "Prints a line \"GROUP<tab>ATTACK<tab>OUTCOME\" for each attack: worked, errno N, signal N,\n"
    "exit N. PROCESS \"root\": the attacks run as root and without any cage, in a child.\n"
    "The variables MMSD_* name the victims, see test_taken_over.py; MMSD_ONLY_ATTACK one attack.\n";
constexpr int kPatienceMs = 20'000;

/** Everything that a child of the supervisor inherits. */
struct Sockets {
    ListenSockets listeners;
    std::vector<ListenEndpoint> endpoints;
};

struct Target {
    LaunchPlan plan;
    protocol::Hello hello;
    Sockets sockets;
};

Target prepare(const char* process, const char* executable, std::span<const char* const> flags) {
    const Options options = readOptions(flags);
    const std::vector<ProcessPlan> plans = planProcesses(options.settings, true);
    const auto found = std::ranges::find_if(
        plans, [&](const ProcessPlan& each) { return std::string{each.spec->name} == process; });
    if (found == plans.end() || !found->isEnabled)
        throw std::invalid_argument{std::string{"no such process: "} + process};

    Target target;
    target.plan = {.executable = executable,
                   .arguments = found->arguments,
                   .environment = childEnvironment(),
                   .drop = {found->identity, found->spec->keptCapability},
                   .sockets = {}};
    target.hello = {.version = protocol::kProtocolVersion, .process = process, .sockets = {}};
    int number = protocol::kFirstSocketFd;
    const auto pass = [&](int fd, std::string role) {
        target.plan.sockets.push_back(fd);
        target.hello.sockets.push_back({static_cast<std::uint8_t>(number++), std::move(role)});
    };
    target.sockets.listeners.adopt(ListenSockets{}.openMissing(found->listeners), found->listeners);
    target.sockets.endpoints = found->listeners;
    std::string tcp = "-1";
    std::string udp = "-1";
    for (const ListenEndpoint& listener : found->listeners) {
        if (listener.role.ends_with("-tcp"))
            tcp = std::to_string(number);
        else if (listener.role.ends_with("-udp"))
            udp = std::to_string(number);
        pass(target.sockets.listeners.fd(listener), listener.role);
    }
    target.plan.environment.push_back("MMSD_INHERITED_TCP=" + tcp);
    target.plan.environment.push_back("MMSD_INHERITED_UDP=" + udp);
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (std::strncmp(*variable, "MMSD_", 5) == 0)
            target.plan.environment.emplace_back(*variable);
    return target;
}

/** Reads until the other end is closed or time is over. */
std::string readAll(int fd) {
    std::string text;
    pollfd entry{fd, POLLIN, 0};
    while (::poll(&entry, 1, kPatienceMs) == 1) {
        std::array<char, 512> buffer{};
        const ssize_t count = ::read(fd, buffer.data(), buffer.size());
        if (count <= 0)
            break;
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
}

std::string describe(const std::string& told, int status) {
    if (!told.starts_with(std::string{kBegun.begin(), kBegun.end()}))
        return "never began: " + std::to_string(status);
    if (told.size() == kBegun.size() + sizeof(int)) {
        int error = 0;
        std::memcpy(&error, told.data() + kBegun.size(), sizeof error);
        return error == 0 ? "worked" : "errno " + std::to_string(error);
    }
    if (WIFSIGNALED(status))
        return "signal " + std::to_string(WTERMSIG(status));
    // It told nothing more: it became another program, which says by its status how it went.
    const int code = WEXITSTATUS(status);
    return code == 0 ? "worked" : "exit " + std::to_string(code);
}

std::string waitFor(pid_t pid, int channel) {
    const std::string told = readAll(channel);
    // All is told; a program that it became may still run, but not for long.
    ::alarm(kPatienceMs / 1000);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid)
        throwErrno("waitpid");
    ::alarm(0);
    return describe(told, status);
}

std::string runCaged(Target& target, const Attack& attack) {
    for (const ListenEndpoint& listener : target.sockets.endpoints)
        static_cast<void>(target.sockets.listeners.revived(listener));
    target.plan.environment.push_back(std::string{"MMSD_ATTACK="} + attack.name);
    const LaunchedProcess child = launch(target.plan);
    target.plan.environment.pop_back();
    std::vector<std::byte> hello;
    protocol::appendFrame(hello, protocol::MessageType::Hello, 0, protocol::encode(target.hello));
    if (::write(child.channel.get(), hello.data(), hello.size()) !=
        static_cast<ssize_t>(hello.size()))
        throwErrno("send Hello");
    return waitFor(child.pid, child.channel.get());
}

std::string runFree(const Attack& attack) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        throwErrno("socketpair");
    const UniqueFd ours{ends[0]};
    UniqueFd theirs{ends[1]};
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::setsid();
        ::dup2(theirs.get(), 3);
        ::close_range(4, ~0U, 0);
        ::fcntl(3, F_SETFD, FD_CLOEXEC);
        // In the place of what a worker inherits.
        const int tcp = ::socket(AF_INET, SOCK_STREAM, 0);
        const int udp = ::socket(AF_INET, SOCK_DGRAM, 0);
        ::setenv("MMSD_INHERITED_TCP", std::to_string(tcp).c_str(), 1);
        ::setenv("MMSD_INHERITED_UDP", std::to_string(udp).c_str(), 1);
        ::setenv("MMSD_ATTACK", attack.name, 1);
        if (::listen(tcp, 1) != 0 || udp < 0)
            ::_exit(124);
        runNamedAttack();
    }
    theirs.reset();
    return waitFor(pid, ours.get());
}

int run(int argc, const char* const* argv) {
    if (argc < 3) {
        std::fputs(kUsage, stderr);
        return 64;
    }
    const bool isFree = std::string{argv[1]} == "root";
    std::vector<const char*> flags{argv[0]};
    flags.insert(flags.end(), argv + 3, argv + argc);
    const char* const only = std::getenv("MMSD_ONLY_ATTACK");
    Target target;
    if (!isFree)
        target = prepare(argv[1], argv[2], flags);
    for (const auto& group : {fileAttacks(), networkAttacks(), processAttacks(), privilegeAttacks(),
                              kernelAttacks(), memoryAttacks()})
        for (const Attack& attack : group) {
            if (only != nullptr && std::strcmp(only, attack.name) != 0)
                continue;
            const std::string result = isFree ? runFree(attack) : runCaged(target, attack);
            std::printf("%s\t%s\t%s%s\n", attack.group, attack.name, result.c_str(),
                        isFree && attack.isOptional ? "\toptional" : "");
            std::fflush(stdout);
        }
    return 0;
}

} // namespace

} // namespace mmsd::attack

int main(int argc, char** argv) {
    try {
        return mmsd::attack::run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "take_over: %s\n", error.what());
        return 1;
    }
}
