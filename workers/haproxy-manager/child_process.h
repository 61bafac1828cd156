// SPDX-License-Identifier: MIT
// Starting programs: HAProxy, its checks, and the operator's commands.
#pragma once

#include "common/unique_fd.h"
#include "workers/haproxy-manager/async.h"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::haproxy {

struct SpawnRequest {
    std::vector<std::string> arguments;   ///< the first is the program's absolute path
    std::vector<std::string> environment; ///< "NAME=value", nothing else
    std::string folder = "/";             ///< to work in
    /** CAP_NET_BIND_SERVICE is passed on, where this process has it. */
    bool keepsCapabilities = false;
    /** Writing blocks never, lines may be lost, and SIGPIPE is ignored: a full pipe would stop all
     *  of HAProxy, and one without a reader would end it. */
    bool mayLoseOutput = false;
};

/** A program that was started, in a session of its own; it outlives this process unless told
 *  otherwise. */
struct ChildProcess {
    pid_t pid = -1;
    UniqueFd pidFd;  ///< readable when it ended
    UniqueFd output; ///< stdout and stderr, non-blocking
};

/** Starts a program. That it cannot be executed is told by its output and exit status 127.
 *  @throws SysError if no process can be made */
[[nodiscard]] ChildProcess spawnChild(const SpawnRequest& request);

/** Opens a descriptor of a process, child or not. @throws SysError (ESRCH: it is gone) */
[[nodiscard]] UniqueFd openProcess(pid_t pid);
/** Signals the process behind the descriptor; false if it is gone. */
bool signalProcess(const UniqueFd& pidFd, int signal) noexcept;
/** What a process has used of the processors; 0 if it is gone. */
[[nodiscard]] std::chrono::nanoseconds cpuTime(pid_t pid) noexcept;
/** Reaps an ended child: "exit status 1", "signal 11". "gone" for processes that are no children.
 */
[[nodiscard]] std::string reap(const UniqueFd& pidFd) noexcept;

/** How a command ended. */
struct CommandResult {
    bool isSuccess = false;
    std::string how;    ///< "exit status 1", "signal 9", "time limit of 10s"
    std::string output; ///< its beginning, if it is long
};

/** Runs a program to its end, or kills it and what it started when the time is up.
 *  @param limit nothing: as long as Patience has it */
[[nodiscard]] Task<CommandResult> runCommand(Reactor reactor, SpawnRequest request,
                                             std::optional<std::chrono::milliseconds> limit);

} // namespace mmsd::haproxy
