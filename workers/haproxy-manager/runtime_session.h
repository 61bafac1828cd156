// SPDX-License-Identifier: MIT
// RuntimeSession: one conversation with a HAProxy's admin socket.
#pragma once

#include "common/unique_fd.h"
#include "workers/haproxy-manager/async.h"
#include "workers/haproxy-manager/runtime_commands.h"

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** The process does not answer as it should. */
class RuntimeError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/** Owns a connection. Each command gets its own reply: the session is in interactive mode.
 *  Source: HAProxy management guide, section 9.3 ("prompt"). */
class RuntimeSession {
public:
    /** @param limit for the whole session */
    RuntimeSession(Reactor reactor, std::string path, std::chrono::milliseconds limit);

    /** @throws RuntimeError, SysError */
    Task<> open();
    /** Sends commands and gives one reply each. After an exception the session is of no use.
     *  @throws RuntimeError if there is no whole answer in time */
    Task<std::vector<std::string>> ask(std::vector<std::string> commands);
    /** The same for one. */
    Task<std::string> ask(std::string command);
    /** Checks the replies, too. @throws RuntimeError naming the first that is not as expected */
    Task<> command(std::vector<RuntimeCommand> commands);

    /** Who listens at the socket; known as soon as it is open, even if it never answers. */
    [[nodiscard]] pid_t peer() const;

private:
    Task<> send(std::string text);
    Task<std::string> readReply();

    Reactor reactor_;
    std::string path_;
    TimerFactory::TimePoint deadline_;
    UniqueFd socket_;
    std::string input_;
};

/** Asks a process for `show info`; nothing if it does not answer. */
[[nodiscard]] Task<std::optional<ProcessInfo>> askForInfo(Reactor reactor, std::string path,
                                                          std::chrono::milliseconds limit);

} // namespace mmsd::haproxy
