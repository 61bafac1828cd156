// SPDX-License-Identifier: MIT
// Texts for HAProxy's runtime API and what its answers must be. Pure.
// Source: HAProxy management guide, section 9.3.
#pragma once

#include "workers/haproxy-manager/reconciler.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::haproxy {

/** What counts as success. */
enum class ExpectedReply : std::uint8_t { Nothing, Registered, Anything };

struct RuntimeCommand {
    std::string text; ///< without the final line end
    ExpectedReply expected = ExpectedReply::Nothing;
};

[[nodiscard]] bool isAsExpected(const RuntimeCommand& command, std::string_view reply) noexcept;

/** Commands for the changes, in order. A removed server is put into maintenance only: deleting it
 *  has to wait for its connections. */
[[nodiscard]] std::vector<RuntimeCommand> serverCommands(const std::vector<ServerChange>& changes);

/** `del server`. */
[[nodiscard]] std::string deleteCommand(std::string_view backend, const InetEndpoint& server);

/** Fills version @p version of a map and makes it the one in use; each text stays within what
 *  HAProxy reads at once. */
[[nodiscard]] std::vector<RuntimeCommand> mapCommands(std::string_view file, std::uint64_t version,
                                                      std::string_view content);

/** "New version created: 7". */
[[nodiscard]] std::optional<std::uint64_t> parseMapVersion(std::string_view reply) noexcept;

/** What `show info` tells, as far as it is needed. */
struct ProcessInfo {
    std::uint32_t pid = 0;
    bool isStopping = false;
};
/** Nothing if it is no such answer. */
[[nodiscard]] std::optional<ProcessInfo> parseInfo(std::string_view reply) noexcept;

/** One line of `show servers state`. */
struct ServerState {
    std::string backend;
    std::string name;
    std::string address;
    std::uint16_t port = 0;
    unsigned administrative = 0; ///< bits; 0 = gets traffic when up

    /** Maintenance or drain, by whatever reason. Source: management guide, srv_admin_state. */
    [[nodiscard]] bool isReady() const noexcept { return (administrative & 0x7f) == 0; }
};
/** Nothing if the version or a column is not as known. */
[[nodiscard]] std::optional<std::vector<ServerState>> parseServerStates(std::string_view reply);

/** The state file for the next process: the lines of servers that both configurations have.
 *  Others are on their way out in @p running, and must not come back in maintenance. */
[[nodiscard]] std::string filterServerStates(std::string_view reply, const Config& running,
                                             const Config& next);

/** True if the servers' states are what @p changes were to make of them. */
[[nodiscard]] bool areApplied(const std::vector<ServerChange>& changes,
                              const std::vector<ServerState>& states);

} // namespace mmsd::haproxy
