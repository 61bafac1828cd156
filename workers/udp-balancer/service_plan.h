// SPDX-License-Identifier: MIT
// What the UDP balancer shall serve: a snapshot turned into services. Pure.
#pragma once

#include "common/inet_address.h"
#include "protocol/control_messages.h"
#include "protocol/state.h"
#include "workers/runtime/port_exposure.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <vector>

namespace mmsd::udp {

/** Label `lb-mode`. */
enum class Mode : std::uint8_t {
    RoundRobin, ///< a client sticks to one instance
    Multicast,  ///< each datagram goes to every instance
};

/** An instance as seen from one service. */
struct Target {
    InetEndpoint endpoint;
    bool takesNew = true; ///< false while draining: only the clients that it has

    auto operator<=>(const Target&) const = default;
};

/** One exposed app port. */
struct Service {
    worker::PortName name;
    Mode mode = Mode::RoundRobin;
    std::chrono::milliseconds idle{60'000}; ///< label `lb-udp-idle`
    std::vector<Target> targets;            ///< sorted, each endpoint once

    bool operator==(const Service&) const = default;
};

struct ServicePlan {
    std::map<std::uint16_t, Service> services; ///< by service port
    std::vector<protocol::Refusal> refusals;
};

/** A session that lives shorter or longer than this serves no protocol. */
inline constexpr std::chrono::milliseconds kMinIdle{10};
inline constexpr std::chrono::milliseconds kMaxIdle = std::chrono::hours{24};

/** Derives all services. A label with a bad value costs that port.
 *  @param holders who has which service port now
 *  @param limit   services at most, so that sockets suffice; further ports are refused
 *  Source: CONTRACT sections 2 and 4. */
[[nodiscard]] ServicePlan planServices(const protocol::Snapshot& snapshot,
                                       const worker::PortRules& rules,
                                       const worker::PortHolders& holders, std::size_t limit);

} // namespace mmsd::udp
