// SPDX-License-Identifier: MIT
// How many connections the descriptor limit leaves for traffic. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mmsd::haproxy {

/** What needs descriptors besides connections. */
struct FdDemand {
    std::size_t listeners = 0;
    std::size_t checkedServers = 0;
};

/** `maxconn` for the global section. The demand is rounded up to a power of two, so that adding an
 *  instance does not change the text; 0 if the limit does not even suffice for the demand.
 *  Source: needed descriptors are 2*maxconn + listeners + checked servers + some 30 of its own,
 *  and HAProxy does not start when they exceed the hard limit.
 *  @param hardLimit RLIMIT_NOFILE's hard limit, which HAProxy raises its soft limit to */
[[nodiscard]] std::uint32_t connectionLimit(std::uint64_t hardLimit,
                                            const FdDemand& demand) noexcept;

/** Whether the limit has room for checks by HAProxy: they may cost three quarters of the
 * connections that there would be without them.
 *  @param areOn whether they are on now: they go later than they come, so one instance more or less
 *               does not switch them to and fro */
[[nodiscard]] bool hasRoomForChecks(std::uint64_t hardLimit, const FdDemand& demand,
                                    bool areOn) noexcept;

} // namespace mmsd::haproxy
