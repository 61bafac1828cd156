// SPDX-License-Identifier: MIT
// Responder: query octets in, reply octets out. No I/O, no allocation, no lock.
#pragma once

#include "workers/dns-server/dns_counters.h"
#include "workers/dns-server/query.h"
#include "workers/dns-server/zone.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace mmsd::dns {

/** The largest datagram that leaves, and what OPT records say. Source: DNS flag day 2020: fits in
 *  an IPv6 packet of minimum size. */
inline constexpr std::size_t kMaxUdpReply = 1'232;

/** Answers single messages from a zone, borrowed as the counters are. */
class Responder {
public:
    /** @param seed of the rotation; any number */
    Responder(const Zone& zone, DnsCounters& counters, std::uint64_t seed) noexcept
        : zone_{zone}, counters_{counters}, random_{seed | 1} {}

    /** Answers one message.
     *  @param reply holds at least kMaxUdpReply octets over UDP, kMaxMessageSize over TCP
     *  @return octets of the reply; 0 = say nothing */
    [[nodiscard]] std::size_t respond(std::span<const std::uint8_t> message, Transport transport,
                                      std::span<std::uint8_t> reply) noexcept;

    /** The way to the answer leads through memory that is not in the cache: with several messages
     *  at hand, these three steps, each for all of them, have it there for respond().
     *  @return hash of the name that will be looked up; any number where there is none */
    [[nodiscard]] std::uint64_t prefetchSlot(std::span<const std::uint8_t> message) const noexcept;
    void prefetchNode(std::uint64_t hash) const noexcept;
    void prefetchAnswer(std::uint64_t hash) const noexcept;

private:
    class Reply;

    RcodeSlot answerQuestion(const Query& query, Reply& reply) noexcept;
    RcodeSlot answerInZone(const Query& query, std::size_t relativeSize, Reply& reply) noexcept;
    RcodeSlot answerReverse(const Query& query, Reply& reply) noexcept;
    bool answerFrom(const PreparedBlock* prepared, std::uint16_t type, Reply& reply) noexcept;
    [[nodiscard]] std::uint32_t random(std::uint32_t limit) noexcept;

    const Zone& zone_;
    DnsCounters& counters_;
    std::uint64_t random_;
};

} // namespace mmsd::dns
