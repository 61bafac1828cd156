// SPDX-License-Identifier: MIT
// Query: what a request says, parsed on the stack without allocation.
#include "workers/dns-server/query.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace mmsd::dns {

namespace {

using Message = std::span<const std::uint8_t>;

constexpr std::uint64_t kOnes = 0x0101010101010101;

/** Lower-cases eight octets at once; those above 127 stay. */
std::uint64_t toLower(std::uint64_t octets) noexcept {
    const std::uint64_t low7 = octets & (0x7f * kOnes);
    const std::uint64_t isAboveZ = low7 + (0x7f - 'Z') * kOnes;
    const std::uint64_t isFromA = low7 + (0x80 - 'A') * kOnes;
    const std::uint64_t isUpper = (isFromA ^ isAboveZ) & ~octets & (0x80 * kOnes);
    return octets | isUpper >> 2;
}

/** Length octets are at most 63, below 'A': the name can be lower-cased as a whole. */
void copyLower(char* to, const std::uint8_t* from, std::size_t size) noexcept {
    std::uint64_t octets = 0;
    for (; size >= sizeof octets; size -= sizeof octets) {
        std::memcpy(&octets, from, sizeof octets);
        octets = toLower(octets);
        std::memcpy(to, &octets, sizeof octets);
        from += sizeof octets;
        to += sizeof octets;
    }
    std::memcpy(&octets, from, size);
    octets = toLower(octets);
    std::memcpy(to, &octets, size);
}

/** Reads the one question. Compression has nothing to point at there. */
bool parseQuestion(Message message, Query& query) noexcept {
    std::size_t at = kHeaderSize;
    std::size_t count = 0;
    while (true) {
        if (at >= message.size())
            return false;
        const std::size_t size = message[at];
        if (size == 0)
            break;
        const std::size_t start = at - kHeaderSize;
        if (size > kMaxLabelSize || start + size + 2 > kMaxNameSize)
            return false;
        query.labels[count++] = static_cast<std::uint8_t>(start);
        at += size + 1;
    }
    if (at + 5 > message.size())
        return false;
    query.labelCount = count;
    query.nameSize = at - kHeaderSize;
    copyLower(query.octets.data(), &message[kHeaderSize], query.nameSize);
    query.type = getU16(&message[at + 1]);
    query.qclass = getU16(&message[at + 3]);
    query.questionEnd = at + 5;
    return true;
}

/** @return offset behind the possibly compressed name at @p at */
std::optional<std::size_t> skipName(Message message, std::size_t at) noexcept {
    while (at < message.size()) {
        const std::size_t size = message[at];
        if (size == 0)
            return at + 1;
        if (size >= kPointerBits)
            return at + 2;
        if (size > kMaxLabelSize)
            return std::nullopt;
        at += size + 1;
    }
    return std::nullopt;
}

/** Source: RFC 6891 §6.1.2. */
bool areOptionsWhole(Message options) noexcept {
    while (!options.empty()) {
        if (options.size() < 4)
            return false;
        const std::size_t size = 4u + getU16(&options[2]);
        if (size > options.size())
            return false;
        options = options.subspan(size);
    }
    return true;
}

/** Takes an OPT record whose fixed part is at @p fixed. Source: RFC 6891 §6.1. */
bool parseOpt(Message message, std::size_t owner, std::size_t fixed, std::size_t dataSize,
              Query& query) noexcept {
    if (query.hasEdns || fixed != owner + 1)
        return false;
    query.hasEdns = true;
    query.udpSize = getU16(&message[fixed + 2]);
    query.ednsVersion = message[fixed + 5];
    query.isDnssecOk = (getU16(&message[fixed + 6]) & kEdnsFlagDnssecOk) != 0;
    return areOptionsWhole(message.subspan(fixed + kRecordFixedSize, dataSize));
}

/** Walks what follows the question. */
bool parseRecords(Message message, std::size_t count, Query& query) noexcept {
    std::size_t at = query.questionEnd;
    for (; count > 0; --count) {
        const auto fixed = skipName(message, at);
        if (!fixed || *fixed + kRecordFixedSize > message.size())
            return false;
        const std::size_t dataSize = getU16(&message[*fixed + 8]);
        const std::size_t end = *fixed + kRecordFixedSize + dataSize;
        if (end > message.size())
            return false;
        const std::uint16_t type = getU16(&message[*fixed]);
        if (type == kTypeOpt && !parseOpt(message, at, *fixed, dataSize, query))
            return false;
        query.isSigned = query.isSigned || type == kTypeTsig;
        at = end;
    }
    return at == message.size();
}

} // namespace

QueryState parseQuery(std::span<const std::uint8_t> message, Query& query) noexcept {
    if (message.size() < kHeaderSize)
        return QueryState::Ignored;
    query.flags = getU16(&message[2]);
    if ((query.flags & kFlagResponse) != 0)
        return QueryState::Ignored;
    const bool isStandard = query.opcode() == 0;
    if (getU16(&message[4]) != 1 || !parseQuestion(message, query))
        return isStandard ? QueryState::BadHeader : QueryState::UnknownForm;
    if (!isStandard)
        return QueryState::Good;
    // IXFR brings an SOA record. Source: RFC 1995 §3.
    const std::size_t authority = getU16(&message[8]);
    if (getU16(&message[6]) != 0 || authority > (query.type == kTypeIxfr ? 1 : 0) ||
        !parseRecords(message, authority + getU16(&message[10]), query))
        return QueryState::BadRecords;
    return QueryState::Good;
}

} // namespace mmsd::dns
