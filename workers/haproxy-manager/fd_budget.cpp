// SPDX-License-Identifier: MIT
// How many connections the descriptor limit leaves for traffic. Pure.
#include "workers/haproxy-manager/fd_budget.h"

#include <algorithm>
#include <bit>

namespace mmsd::haproxy {

namespace {

/** Admin sessions, pollers, pipes and log sockets of HAProxy itself, generously. */
constexpr std::uint64_t kOwnDescriptors = 200;
/** Tables are allocated for the limit: some 30 MB for this many, on top 33 KB per live one. */
constexpr std::uint64_t kMostConnections = 100'000;
constexpr std::uint64_t kSmallestStep = 256;

} // namespace

std::uint32_t connectionLimit(std::uint64_t hardLimit, const FdDemand& demand) noexcept {
    const std::uint64_t exact = demand.listeners + demand.checkedServers;
    std::uint64_t fixed = std::bit_ceil(std::max(exact, kSmallestStep)) + kOwnDescriptors;
    // A tight limit has no room for rounding.
    if (fixed + fixed / 2 > hardLimit)
        fixed = exact + kOwnDescriptors;
    if (fixed + 2 > hardLimit)
        return 0;
    return static_cast<std::uint32_t>(std::min((hardLimit - fixed) / 2, kMostConnections));
}

bool hasRoomForChecks(std::uint64_t hardLimit, const FdDemand& demand, bool areOn) noexcept {
    const std::uint64_t with = connectionLimit(hardLimit, demand);
    const std::uint64_t without = connectionLimit(hardLimit, {.listeners = demand.listeners});
    return with * (areOn ? 4 : 3) >= without;
}

} // namespace mmsd::haproxy
