// SPDX-License-Identifier: MIT
// AnswerEncoder: records of a name in, its prepared answers out.
#include "workers/dns-server/answer_encoder.h"

#include "protocol/limits.h"
#include "workers/dns-server/dns_wire.h"

#include <algorithm>
#include <stdexcept>

namespace mmsd::dns {

namespace {

/** Octets for the sections of a reply, beside the longest question and an OPT record. */
constexpr std::size_t kSectionBudget = kMaxMessageSize - kHeaderSize - kMaxNameSize - 4 - kOptSize;
constexpr std::size_t kPointerSize = 2;
/** One TXT record has all labels of an app: a string with its length and "=" for each. */
static_assert(kPointerSize + kRecordFixedSize + protocol::kMaxLabelBytesPerApp +
                  2 * protocol::kMaxLabelsPerApp <=
              kSectionBudget);
constexpr std::size_t kServiceFixedSize = 6; ///< priority, weight, port

/** Nobody transfers the zone; the values only have to be sane. Source: RFC 1912 §2.2. */
constexpr std::uint32_t kRefresh = 3'600;
constexpr std::uint32_t kRetry = 600;
constexpr std::uint32_t kExpire = 86'400;

} // namespace

AnswerEncoder::AnswerEncoder(const ZoneOptions& options)
    : options_{options}, encoder_{options.ttl} {}

std::string AnswerEncoder::complete(std::string_view relative) const {
    return std::string{relative} + options_.base;
}

SoaData AnswerEncoder::soaData(std::uint32_t serial, const WireName& server) const {
    return {.primary = complete(server),
            .responsible = complete("\012hostmaster"),
            .serial = serial,
            .refresh = kRefresh,
            .retry = kRetry,
            .expire = kExpire,
            .minimum = options_.ttl};
}

void AnswerEncoder::addAnswer(std::uint16_t type) {
    const MessageEncoder::Sections& sections = encoder_.finish();
    PreparedAnswer answer;
    answer.type = type;
    answer.count = sections.answerCount;
    answer.additionalCount = sections.additionalCount;
    answer.recordSize = sections.recordSize;
    builder_.add(answer, sections.wire, sections.answerSize);
}

std::size_t AnswerEncoder::addAddresses(const NameRecords& records, std::span<const Target> targets,
                                        bool isV6) {
    const std::string owner = complete(records.name);
    const std::size_t recordSize = kPointerSize + kRecordFixedSize + (isV6 ? 16 : 4);
    std::size_t room = kSectionBudget / recordSize;
    std::size_t count = 0;
    encoder_.begin(owner);
    for (const IpAddress& address : records.addresses) {
        if (address.isV6() == isV6 && count++ < room)
            encoder_.addAddress(Section::Answer, owner, address);
    }
    if (count == 0)
        return 0;
    const std::size_t left = kSectionBudget - std::min(count, room) * recordSize;
    const std::size_t serviceSize =
        kPointerSize + kRecordFixedSize + kServiceFixedSize + kMaxNameSize;
    if (options_.shallPushServices && records.services.size() * serviceSize <= left) {
        for (const ServiceRecord& service : records.services)
            encoder_.addService(Section::Additional, owner, service.port,
                                complete(targets[service.target].name));
    }
    addAnswer(isV6 ? kTypeAaaa : kTypeA);
    return count - std::min(count, room);
}

std::size_t AnswerEncoder::addServices(const NameRecords& records,
                                       std::span<const Target> targets) {
    if (records.services.empty())
        return 0;
    const std::string owner = complete(records.name);
    const std::size_t targetSize =
        targets[records.services.front().target].name.size() + options_.base.size() + 1;
    const std::size_t recordSize = kPointerSize + kRecordFixedSize + kServiceFixedSize + targetSize;
    const std::size_t count = std::min(records.services.size(), kSectionBudget / recordSize);

    encoder_.begin(owner);
    std::vector<bool> hasGlue(targets.size());
    std::size_t glueSize = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const ServiceRecord& service = records.services[i];
        encoder_.addService(Section::Answer, owner, service.port,
                            complete(targets[service.target].name));
        hasGlue[service.target] = true;
        glueSize += targets[service.target].addresses.size() *
                    (targetSize + kRecordFixedSize + sizeof(in6_addr));
    }
    if (count * recordSize + glueSize <= kSectionBudget) {
        for (std::size_t t = 0; t < targets.size(); ++t) {
            if (!hasGlue[t])
                continue;
            for (const IpAddress& address : targets[t].addresses)
                encoder_.addAddress(Section::Additional, complete(targets[t].name), address);
        }
    }
    addAnswer(kTypeSrv);
    return records.services.size() - count;
}

AnswerEncoder::Prepared AnswerEncoder::prepare(const NameRecords& records,
                                               std::span<const Target> targets) {
    Prepared prepared;
    prepared.omitted += addAddresses(records, targets, false);
    prepared.omitted += addAddresses(records, targets, true);
    prepared.omitted += addServices(records, targets);
    if (!records.texts.empty()) {
        const std::string owner = complete(records.name);
        encoder_.begin(owner);
        encoder_.addText(owner, records.texts);
        addAnswer(kTypeTxt);
    }
    prepared.name = builder_.finish();
    return prepared;
}

PreparedName AnswerEncoder::prepareServer(const WireName& server) {
    NameRecords records;
    records.name = server;
    records.addresses = options_.serverAddresses;
    return prepare(records, {}).name;
}

PreparedName AnswerEncoder::prepareApex(std::uint32_t serial, const WireName& server) {
    const std::string& base = options_.base;
    encoder_.begin(base);
    encoder_.addSoa(base, soaData(serial, server));
    addAnswer(kTypeSoa);
    encoder_.begin(base);
    encoder_.addName(base, kTypeNs, complete(server));
    for (const IpAddress& address : options_.serverAddresses)
        encoder_.addAddress(Section::Additional, complete(server), address);
    addAnswer(kTypeNs);
    return builder_.finish();
}

PreparedName AnswerEncoder::preparePointers(const WireName& reverse,
                                            std::span<const std::string_view> targets) {
    encoder_.begin(reverse);
    for (const std::string_view target : targets)
        encoder_.addName(reverse, kTypePtr, complete(target));
    addAnswer(kTypePtr);
    return builder_.finish();
}

SoaTemplate AnswerEncoder::makeSoaTemplate(std::uint32_t serial, const WireName& server) {
    encoder_.begin(options_.base);
    encoder_.addSoa(options_.base, soaData(serial, server));
    const auto wire = encoder_.finish().wire;
    SoaTemplate made{.wire = {wire.begin(), wire.end()}};
    if (options_.base.empty())
        return made;
    // Owner, MNAME and RNAME end in pointers to the question, which is the base name here.
    std::size_t at = 0;
    for (std::uint16_t& pointer : made.pointers) {
        while (at < wire.size() && wire[at] != 0 && wire[at] < kPointerBits)
            at += 1u + wire[at];
        if (at + 1 >= wire.size() || wire[at] != kPointerBits || wire[at + 1] != kHeaderSize)
            throw std::runtime_error{"the SOA record is not compressed as expected"};
        pointer = static_cast<std::uint16_t>(at);
        at += kPointerSize + (made.pointerCount++ == 0 ? kRecordFixedSize : 0);
    }
    return made;
}

std::vector<std::uint8_t> AnswerEncoder::makeReverseSoa(std::uint32_t serial,
                                                        const WireName& server) {
    // A question that is no parent of the base name leaves all other names whole.
    const std::string question = options_.base == "\1x" ? "\1y" : "\1x";
    encoder_.begin(question);
    encoder_.addSoa(question, soaData(serial, server));
    const auto wire = encoder_.finish().wire;
    return {wire.begin(), wire.end()};
}

} // namespace mmsd::dns
