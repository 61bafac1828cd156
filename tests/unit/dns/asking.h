// SPDX-License-Identifier: MIT
// Queries and parsed replies, for the tests of the DNS server.
#pragma once

#include "workers/dns-server/responder.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mmsd::dns::test {

/** How a query is put. */
struct Ask {
    std::uint16_t flags = kFlagRecursionDesired;
    std::uint16_t qclass = kClassIn;
    bool hasEdns = true;
    std::uint16_t udpSize = 1'232;
    std::uint8_t ednsVersion = 0;
    bool isDnssecOk = false;
    Transport transport = Transport::Udp;
};

/** A query in wire form; @p name with dots, spelled as given. */
[[nodiscard]] std::vector<std::uint8_t> makeQuery(const std::string& name, std::uint16_t type,
                                                  const Ask& ask = {});

/** What ldns makes of a reply. Records are "owner type data", data as in a zone file. */
struct ParsedReply {
    std::size_t size = 0;
    std::uint16_t id = 0;
    std::uint16_t flags = 0;
    unsigned rcode = 0; ///< with the bits of OPT
    bool hasEdns = false;
    std::uint16_t udpSize = 0;
    bool isDnssecOk = false;
    std::string question; ///< spelled as it came back
    std::vector<std::string> answer;
    std::vector<std::string> authority;
    std::vector<std::string> additional;
    std::vector<std::uint32_t> ttls; ///< of all records

    [[nodiscard]] bool has(std::uint16_t flag) const noexcept { return (flags & flag) != 0; }
};

/** @throws std::runtime_error if ldns cannot parse @p message */
[[nodiscard]] ParsedReply parseReply(const std::vector<std::uint8_t>& message);

/** Gives octets to a responder. Empty where it says nothing. */
[[nodiscard]] std::vector<std::uint8_t> respond(Responder& responder,
                                                const std::vector<std::uint8_t>& query,
                                                Transport transport = Transport::Udp);

/** A zone with its responder, to be asked by name. */
struct Server {
    explicit Server(ZoneOptions options) : zone{std::move(options)} {}

    [[nodiscard]] ParsedReply ask(const std::string& name, std::uint16_t type,
                                  const Ask& how = {}) {
        return parseReply(respond(responder, makeQuery(name, type, how), how.transport));
    }
    /** The answer section, sorted. */
    [[nodiscard]] std::vector<std::string> answers(const std::string& name, std::uint16_t type);

    Zone zone;
    DnsCounters counters;
    Responder responder{zone, counters, 1};
};

} // namespace mmsd::dns::test
