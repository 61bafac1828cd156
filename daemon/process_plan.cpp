// SPDX-License-Identifier: MIT
// Settings and the table of processes in, checked plans out.
#include "daemon/process_plan.h"

#include "build_config.h"
#include "common/start_error.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace mmsd::supervisor {

namespace {

void checkExecutable(const ProcessPlan& plan) {
    struct stat status {};
    const bool isThere = ::stat(plan.executable.c_str(), &status) == 0;
    if (isThere && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0)
        return;
    throw StartError{ExitCode::Configuration,
                     "cannot run " + plan.executable + " (for " + plan.spec->name +
                         "): " + (isThere ? "not an executable file" : std::strerror(errno)) +
                         "; is --worker-dir right?"};
}

Identity findIdentity(const WorkerSpec& spec, const std::string& runAs) {
    const std::string user =
        runAs.empty() ? std::string{MMSD_USER_PREFIX} + spec.userSuffix : runAs;
    const std::string named = "user \"" + user + "\" (for " + spec.name + ") ";
    try {
        if (const std::optional<Identity> identity = lookUpUser(user))
            return *identity;
    } catch (const std::invalid_argument&) {
        throw StartError{ExitCode::Configuration, named + "is root or in root's group"};
    }
    throw StartError{ExitCode::Configuration,
                     named +
                         "does not exist: create it with `useradd --system --gid " MMSD_GROUP
                         " --no-create-home --shell /usr/sbin/nologin " +
                         user + "`, or choose one user for all with --run-as"};
}

bool isLogLevel(const std::string& argument) {
    return argument.starts_with("--log-level=") || argument.starts_with("--verbose=");
}

} // namespace

std::vector<ProcessPlan> planProcesses(const protocol::Settings& settings, bool isRoot) {
    const std::string& runAs = settings.text("run-as");
    if (!isRoot && !runAs.empty())
        throw StartError{ExitCode::Permission, "--run-as " + runAs + " needs root"};

    std::vector<ProcessPlan> plans;
    for (const WorkerSpec& spec : workerTable()) {
        ProcessPlan& plan = plans.emplace_back();
        plan.spec = &spec;
        plan.isEnabled =
            (spec.enabledBy == nullptr || settings.flag(spec.enabledBy)) &&
            (spec.countedBy == nullptr || spec.number <= settings.number(spec.countedBy));
        plan.executable = settings.text("worker-dir") + '/' + spec.executable;
        plan.arguments = settings.argumentsFor(spec.settings);
        // A level has messages of its own: Hello, and SetLogLevel instead of a restart.
        std::erase_if(plan.arguments, isLogLevel);
        for (const SocketSpec& socket : spec.sockets)
            plan.listeners.push_back({spec.name, socket.role,
                                      socket.addressSetting == nullptr
                                          ? InetEndpoint{}
                                          : InetEndpoint{settings.address(socket.addressSetting),
                                                         settings.port(socket.portSetting)}});
        if (!plan.isEnabled)
            continue;
        checkExecutable(plan);
        if (isRoot)
            plan.identity = findIdentity(spec, runAs);
    }
    return plans;
}

bool needsRestart(const ProcessPlan& before, const ProcessPlan& after) {
    return before.arguments != after.arguments || before.listeners != after.listeners;
}

void prepareDirectories(const std::vector<ProcessPlan>& plans, const RunStateDir& runState) {
    for (const ProcessPlan& plan : plans)
        if (plan.isEnabled && plan.spec->stateDirectory != nullptr)
            runState.makeDirectory(plan.spec->stateDirectory, plan.spec->stateDirectoryMode,
                                   plan.identity);
}

std::vector<ListenEndpoint> enabledListeners(const std::vector<ProcessPlan>& plans) {
    std::vector<ListenEndpoint> all;
    for (const ProcessPlan& plan : plans)
        if (plan.isEnabled)
            all.insert(all.end(), plan.listeners.begin(), plan.listeners.end());
    return all;
}

} // namespace mmsd::supervisor
