// SPDX-License-Identifier: MIT
// The service manager's notification socket, without libsystemd.
#pragma once

#include "common/unique_fd.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd {

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
