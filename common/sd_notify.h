// SPDX-License-Identifier: MIT
// What the service manager is told, and what it passes, without libsystemd.
#pragma once

#include "common/unique_fd.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd {

/** The names of the sockets that the service manager has opened for this process: descriptors 3, 4
 *  and so on. Forgets them, as they are not meant for what this process executes.
 *  Source: sd_listen_fds_with_names(3). */
[[nodiscard]] std::vector<std::string> takePassedSockets();

/** Sends READY=1, STATUS=…, WATCHDOG=1 … to $NOTIFY_SOCKET; does nothing where there is none.
 *  Source: sd_notify(3). */
class SdNotifier {
public:
    /** From $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, which stay for a program that this
     *  process may execute in its place; a child must not have them. */
    [[nodiscard]] static SdNotifier fromEnvironment();

    /** @param state newline-separated assignments */
    void notify(std::string_view state) noexcept;
    /** How often to send WATCHDOG=1 (half the limit), if the manager asked for it. */
    [[nodiscard]] std::optional<std::chrono::milliseconds> watchdogInterval() const noexcept {
        return watchdogInterval_;
    }

private:
    UniqueFd socket_;
    std::string address_;
    std::optional<std::chrono::milliseconds> watchdogInterval_;
};

} // namespace mmsd
