// SPDX-License-Identifier: MIT
// The launcher: fork, give everything up, exec.
#pragma once

#include "common/privileges.h"
#include "common/unique_fd.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::supervisor {

/** What a child is made of. */
struct LaunchPlan {
    std::string executable{}; ///< absolute path; also argv[0]
    std::vector<std::string> arguments{};
    std::vector<std::string> environment{}; ///< "NAME=value"
    DropPlan drop{};
    std::vector<int> sockets{}; ///< borrowed; become kFirstSocketFd and up in the child
};

/** A child that was forked; whether it reached its executable shows when it ends. */
struct LaunchedProcess {
    pid_t pid = 0;
    uid_t user = 0;     ///< that it becomes; 0 = stays who we are
    UniqueFd channel;   ///< our end, non-blocking; the child's end is its descriptor 3
    UniqueFd errorPipe; ///< for takeLaunchFailure()
};

/** Steps of the child that can fail, in order. */
enum class LaunchStep : std::uint8_t {
    None,
    Signals,
    Descriptors,
    Session,
    Directory,
    Limits,
    Privileges,
    ParentDeath,
    Execute,
};

/** Why a child ended before it reached its executable. */
struct LaunchFailure {
    LaunchStep step = LaunchStep::None;
    DropStep dropStep = DropStep::None; ///< with LaunchStep::Privileges
    int error = 0;                      ///< errno; 0 = a verification found the wrong state

    [[nodiscard]] std::string toString() const;
};

/** Forks a child that does all of DESIGN section 7 and executes the plan. Does not wait for it.
 *  Descriptors 0 to 2 must be open. @throws SysError if there is no child */
[[nodiscard]] LaunchedProcess launch(const LaunchPlan& plan);

/** Sends a signal, as the child's own user where need be: root goes without CAP_KILL, which would
 *  reach every process of the machine. */
void signalChild(const LaunchedProcess& child, int number) noexcept;

/** Reads what an ended child left in its error pipe: nothing if it reached its executable. */
[[nodiscard]] std::optional<LaunchFailure> takeLaunchFailure(int errorPipe);

/** The variables that a child gets of ours: nothing that could steer a library or a loader. */
[[nodiscard]] std::vector<std::string> childEnvironment();

} // namespace mmsd::supervisor
