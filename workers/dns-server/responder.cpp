// SPDX-License-Identifier: MIT
// Responder: query octets in, reply octets out. No I/O, no allocation, no lock.
#include "workers/dns-server/responder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace mmsd::dns {

namespace {

constexpr std::size_t kCacheLine = 64; ///< octets
/** Of an answer: what follows is fetched by the processor as it is copied. */
constexpr std::size_t kPrefetchedLines = 4;
constexpr std::string_view kArpa{"\4arpa"};

TypeSlot slotOf(std::uint16_t type) noexcept {
    switch (type) {
    case kTypeA:
        return TypeSlot::A;
    case kTypeAaaa:
        return TypeSlot::Aaaa;
    case kTypeSrv:
        return TypeSlot::Srv;
    case kTypeTxt:
        return TypeSlot::Txt;
    case kTypeSoa:
        return TypeSlot::Soa;
    case kTypeNs:
        return TypeSlot::Ns;
    case kTypePtr:
        return TypeSlot::Ptr;
    case kTypeAny:
        return TypeSlot::Any;
    default:
        return TypeSlot::Other;
    }
}

constexpr std::array<Rcode, kRcodeSlots> kRcodes{Rcode::NoError,  Rcode::NoError,  Rcode::FormErr,
                                                 Rcode::ServFail, Rcode::NxDomain, Rcode::NotImp,
                                                 Rcode::Refused,  Rcode::NotAuth,  Rcode::BadVers};

/** @return octets of the query's name before the base name, if it lies in the zone */
std::optional<std::size_t> sizeBeforeBase(const Query& query, const WireName& base,
                                          std::size_t baseLabels) noexcept {
    if (query.labelCount < baseLabels)
        return std::nullopt;
    // A label's octets can look like the base name: only a start of a label counts.
    const std::size_t start =
        query.labelCount == baseLabels
            ? 0
            : (baseLabels == 0 ? query.nameSize : query.labels[query.labelCount - baseLabels]);
    return query.name().substr(start) == base ? std::optional{start} : std::nullopt;
}

} // namespace

/** Writes the sections of one reply behind header and question. */
class Responder::Reply {
public:
    Reply(std::span<std::uint8_t> buffer, std::size_t questionEnd, std::size_t limit) noexcept
        : buffer_{buffer.data()}, end_{questionEnd}, limit_{limit} {}

    [[nodiscard]] std::size_t room() const noexcept { return limit_ - end_; }
    [[nodiscard]] std::size_t end() const noexcept { return end_; }

    void append(const std::uint8_t* octets, std::size_t size) noexcept {
        std::memcpy(buffer_ + end_, octets, size);
        end_ += size;
    }

    /** @param first record that the answer section begins with, where it can be rotated */
    void appendAnswer(const PreparedAnswer& answer, const std::uint8_t* wire,
                      std::size_t first) noexcept {
        if (answer.answerSize > room()) {
            isTruncated = true;
            answerCount = answer.recordSize == 0 ? 0 : room() / answer.recordSize;
            appendRotated(answer, wire, first, answerCount);
            return;
        }
        answerCount = answer.count;
        if (answer.recordSize == 0)
            append(wire, answer.answerSize);
        else
            appendRotated(answer, wire, first, answer.count);
        // What is additional may be missing without TC. Source: RFC 2181 §9.
        if (answer.additionalSize <= room()) {
            append(wire + answer.answerSize, answer.additionalSize);
            additionalCount = answer.additionalCount;
        }
    }

    void appendSoa(const SoaTemplate& soa, std::size_t relativeSize) noexcept {
        if (soa.wire.size() > room())
            return;
        std::uint8_t* const start = buffer_ + end_;
        append(soa.wire.data(), soa.wire.size());
        for (std::size_t i = 0; i < soa.pointerCount; ++i)
            putU16(start + soa.pointers[i],
                   static_cast<std::size_t>(kPointerBits) << 8 | (kHeaderSize + relativeSize));
        authorityCount = 1;
    }

    void appendReverseSoa(std::span<const std::uint8_t> soa) noexcept {
        if (soa.size() > room())
            return;
        append(soa.data(), soa.size());
        authorityCount = 1;
    }

    std::size_t answerCount = 0;
    std::size_t authorityCount = 0;
    std::size_t additionalCount = 0;
    bool isTruncated = false;
    bool isAuthoritative = false;

private:
    /** @param count records, at most as many as there are */
    void appendRotated(const PreparedAnswer& answer, const std::uint8_t* wire, std::size_t first,
                       std::size_t count) noexcept {
        const std::size_t tail = std::min<std::size_t>(count, answer.count - first);
        append(wire + first * answer.recordSize, tail * answer.recordSize);
        append(wire, (count - tail) * answer.recordSize);
    }

    std::uint8_t* buffer_;
    std::size_t end_;
    std::size_t limit_;
};

std::uint64_t Responder::prefetchSlot(std::span<const std::uint8_t> message) const noexcept {
    Query query;
    const QueryState state = parseQuery(message, query);
    const std::size_t baseSize = zone_.base().size();
    if (state != QueryState::Good || query.nameSize < baseSize)
        return 0;
    const std::uint64_t hash = hashName(query.name().substr(0, query.nameSize - baseSize));
    zone_.index().prefetchSlot(hash);
    return hash;
}

void Responder::prefetchNode(std::uint64_t hash) const noexcept {
    if (const auto* entry = zone_.index().probableEntry(hash)) {
        __builtin_prefetch(&entry->first);
        __builtin_prefetch(&entry->second);
    }
}

void Responder::prefetchAnswer(std::uint64_t hash) const noexcept {
    const auto* entry = zone_.index().probableEntry(hash);
    if (entry == nullptr || entry->second.winner.prepared == nullptr)
        return;
    __builtin_prefetch(entry->first.data());
    const auto* block = reinterpret_cast<const char*>(entry->second.winner.prepared);
    for (std::size_t line = 0; line < kPrefetchedLines; ++line)
        __builtin_prefetch(block + line * kCacheLine);
}

std::uint32_t Responder::random(std::uint32_t limit) noexcept {
    // Not a counter: clients that ask in pairs would always see the same half.
    random_ ^= random_ << 13;
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<std::uint32_t>((random_ >> 32) * limit >> 32);
}

bool Responder::answerFrom(const PreparedBlock* prepared, std::uint16_t type,
                           Reply& reply) noexcept {
    if (prepared == nullptr)
        return false;
    const PreparedAnswer* answer = type == kTypeAny ? prepared->first() : prepared->find(type);
    if (answer == nullptr)
        return false;
    reply.appendAnswer(*answer, prepared->wire(*answer),
                       answer->recordSize == 0 ? 0 : random(answer->count));
    return true;
}

RcodeSlot Responder::answerInZone(const Query& query, std::size_t relativeSize,
                                  Reply& reply) noexcept {
    reply.isAuthoritative = true;
    const NameNode* node = zone_.find(query.name().substr(0, relativeSize));
    if (node != nullptr && answerFrom(node->winner.prepared, query.type, reply))
        return RcodeSlot::NoError;
    reply.appendSoa(zone_.soa(), relativeSize);
    return node != nullptr ? RcodeSlot::NoData : RcodeSlot::NxDomain;
}

RcodeSlot Responder::answerReverse(const Query& query, Reply& reply) noexcept {
    const PreparedBlock* prepared = zone_.findReverse(query.name());
    if (prepared == nullptr)
        return RcodeSlot::Refused;
    reply.isAuthoritative = true;
    if (answerFrom(prepared, query.type, reply))
        return RcodeSlot::NoError;
    reply.appendReverseSoa(zone_.reverseSoa());
    return RcodeSlot::NoData;
}

RcodeSlot Responder::answerQuestion(const Query& query, Reply& reply) noexcept {
    if (query.opcode() != 0)
        return RcodeSlot::NotImp;
    if (query.hasEdns && query.ednsVersion != 0)
        return RcodeSlot::BadVers;
    if (query.isSigned)
        return RcodeSlot::NotAuth;
    if (query.type == kTypeOpt)
        return RcodeSlot::FormErr;
    if (query.qclass != kClassIn || query.type == kTypeAxfr || query.type == kTypeIxfr)
        return RcodeSlot::Refused;
    if (query.type >= kFirstQueryType && query.type < kTypeAny)
        return RcodeSlot::NotImp;
    if (!zone_.isReady())
        return RcodeSlot::ServFail;
    if (query.name().ends_with(kArpa)) {
        const RcodeSlot result = answerReverse(query, reply);
        if (result != RcodeSlot::Refused)
            return result;
    }
    const auto relativeSize = sizeBeforeBase(query, zone_.base(), zone_.baseLabels());
    return relativeSize ? answerInZone(query, *relativeSize, reply) : RcodeSlot::Refused;
}

std::size_t Responder::respond(std::span<const std::uint8_t> message, Transport transport,
                               std::span<std::uint8_t> reply) noexcept {
    DnsCounters::PerTransport& counters = counters_.of(transport);
    Query query;
    const QueryState state = parseQuery(message, query);
    counters.malformed += state != QueryState::Good && state != QueryState::UnknownForm;
    if (state == QueryState::Ignored) {
        ++counters.dropped;
        return 0;
    }
    const bool hasQuestion = state == QueryState::Good || state == QueryState::BadRecords;
    const std::size_t questionEnd = hasQuestion ? query.questionEnd : kHeaderSize;
    const std::size_t plainLimit = transport == Transport::Tcp ? kMaxMessageSize : kPlainUdpSize;
    const std::size_t limit = query.hasEdns
                                  ? std::clamp<std::size_t>(query.udpSize, plainLimit,
                                                            std::max(plainLimit, kMaxUdpReply)) -
                                        kOptSize
                                  : plainLimit;
    std::memcpy(reply.data(), message.data(), questionEnd);
    Reply sections{reply, questionEnd, limit};
    RcodeSlot slot = state == QueryState::UnknownForm ? RcodeSlot::NotImp : RcodeSlot::FormErr;
    if (state == QueryState::Good) {
        ++counters.queries[static_cast<std::size_t>(slotOf(query.type))];
        slot = answerQuestion(query, sections);
    }
    ++counters.responses[static_cast<std::size_t>(slot)];
    counters.truncated += sections.isTruncated;

    const auto rcode = static_cast<unsigned>(kRcodes[static_cast<std::size_t>(slot)]);
    if (query.hasEdns) {
        const std::array<std::uint8_t, kOptSize> opt{
            0,
            0,
            kTypeOpt,
            kMaxUdpReply >> 8,
            kMaxUdpReply & 0xff,
            static_cast<std::uint8_t>(rcode >> 4),
            0,
            static_cast<std::uint8_t>(query.isDnssecOk ? kEdnsFlagDnssecOk >> 8 : 0),
            0,
            0,
            0};
        sections.append(opt.data(), opt.size());
        ++sections.additionalCount;
    }
    unsigned flags = kFlagResponse | (rcode & 15);
    flags |= query.flags & (kFlagsOpcode | kFlagRecursionDesired | kFlagCheckingDisabled);
    flags |= sections.isAuthoritative ? kFlagAuthoritative : 0u;
    flags |= sections.isTruncated ? kFlagTruncated : 0u;
    putU16(&reply[2], flags);
    putU16(&reply[4], hasQuestion ? 1 : 0);
    putU16(&reply[6], sections.answerCount);
    putU16(&reply[8], sections.authorityCount);
    putU16(&reply[10], sections.additionalCount);
    return sections.end();
}

} // namespace mmsd::dns
