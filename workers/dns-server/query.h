// SPDX-License-Identifier: MIT
// Query: what a request says, parsed on the stack without allocation.
#pragma once

#include "workers/dns-server/dns_wire.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mmsd::dns {

/** How far the parser came. */
enum class QueryState : std::uint8_t {
    Ignored,     ///< no header, or itself a response: an answer could start a loop
    BadHeader,   ///< not one question, or one that cannot be parsed: FORMERR without it
    UnknownForm, ///< the same of another opcode, whose messages may look so: NOTIMP without it
    BadRecords,  ///< the question is good, what follows is not: FORMERR with it
    Good,
};

/** A request of one question. */
struct Query {
    static constexpr std::size_t kMaxLabels = 127;

    std::uint16_t flags = 0;
    std::uint16_t type = 0;
    std::uint16_t qclass = 0;
    std::size_t questionEnd = 0; ///< offset behind the question
    std::size_t labelCount = 0;
    std::size_t nameSize = 0; ///< without the root's octet
    bool hasEdns = false;
    bool isDnssecOk = false;
    bool isSigned = false; ///< carries a TSIG record
    std::uint8_t ednsVersion = 0;
    std::uint16_t udpSize = 0; ///< as the requestor says it; only with EDNS

    /** Where each label starts in the name. */
    std::array<std::uint8_t, kMaxLabels> labels;
    /** Lower-cased name in wire form, without the root's octet. Both arrays are left unset: they
     *  are large, and their sizes tell what is valid. */
    std::array<char, kMaxNameSize + 8> octets;

    [[nodiscard]] std::string_view name() const noexcept { return {octets.data(), nameSize}; }
    [[nodiscard]] std::uint16_t opcode() const noexcept { return flags & kFlagsOpcode; }
};

/** Parses @p message into @p query, whose members are valid as far as the result says. */
[[nodiscard]] QueryState parseQuery(std::span<const std::uint8_t> message, Query& query) noexcept;

} // namespace mmsd::dns
