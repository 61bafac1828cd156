// SPDX-License-Identifier: MIT
// What the server counts, as plain numbers for the hot path.
#pragma once

#include "protocol/control_messages.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mmsd::dns {

enum class Transport : std::uint8_t { Udp, Tcp };
inline constexpr std::size_t kTransports = 2;

/** Query types that are told apart. */
enum class TypeSlot : std::uint8_t { A, Aaaa, Srv, Txt, Soa, Ns, Ptr, Any, Other };
inline constexpr std::size_t kTypeSlots = 9;

/** Response codes that this server gives. */
enum class RcodeSlot : std::uint8_t {
    NoError,
    NoData, ///< NOERROR without an answer
    FormErr,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
    NotAuth,
    BadVers,
};
inline constexpr std::size_t kRcodeSlots = 9;

struct DnsCounters {
    struct PerTransport {
        std::array<std::uint64_t, kTypeSlots> queries{}; ///< with a question that could be read
        std::array<std::uint64_t, kRcodeSlots> responses{};
        std::uint64_t truncated = 0;
        std::uint64_t malformed = 0; ///< answered with FORMERR, or ignored
        std::uint64_t dropped = 0;   ///< no answer was sent, for whatever reason
    };
    std::array<PerTransport, kTransports> transports{};
    std::uint64_t tcpAccepted = 0;
    std::uint64_t tcpEvicted = 0; ///< closed because of the connection limit
    std::uint64_t tcpTimedOut = 0;

    [[nodiscard]] PerTransport& of(Transport transport) noexcept {
        return transports[static_cast<std::size_t>(transport)];
    }
};

/** Appends them as metrics. */
void appendMetrics(const DnsCounters& counters, std::vector<protocol::Metric>& metrics);

} // namespace mmsd::dns
