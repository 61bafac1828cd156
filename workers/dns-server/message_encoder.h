// SPDX-License-Identifier: MIT
// MessageEncoder: records in, the octets of a reply's sections out, with ldns.
#pragma once

#include "common/inet_address.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mmsd::dns {

enum class Section : std::uint8_t { Answer, Additional };

/** Names and numbers of an SOA record, seconds. Source: RFC 1035 §3.3.13, RFC 2308 §4. */
struct SoaData {
    std::string primary;     ///< MNAME, wire form
    std::string responsible; ///< RNAME, wire form
    std::uint32_t serial = 0;
    std::uint32_t refresh = 0;
    std::uint32_t retry = 0;
    std::uint32_t expire = 0;
    std::uint32_t minimum = 0;
};

/** Builds the sections of one reply after the other; names are wire form without the root's octet.
 *  ldns makes the record data. Names are compressed against the question alone, so that no record
 *  points at another and any can be moved; SRV targets are not (RFC 2782). ldns' own compression
 *  points between records and costs ten times as much. Failures of ldns are std::runtime_error. */
class MessageEncoder {
public:
    /** @param ttl seconds, of every record */
    explicit MessageEncoder(std::uint32_t ttl);
    ~MessageEncoder();

    /** Starts a reply to a question for @p name. Answer records are added before additional ones.
     */
    void begin(std::string_view name);
    void addAddress(Section section, std::string_view owner, const IpAddress& address);
    /** Priority 1, weight 1. Source: CONTRACT section 6. */
    void addService(Section section, std::string_view owner, std::uint16_t port,
                    std::string_view target);
    void addText(std::string_view owner, std::span<const std::string> strings);
    /** NS or PTR. */
    void addName(std::string_view owner, std::uint16_t type, std::string_view target);
    void addSoa(std::string_view owner, const SoaData& soa);

    /** What follows the question: answer section, then additional section. */
    struct Sections {
        std::span<const std::uint8_t> wire; ///< valid until the next begin()
        std::size_t answerSize = 0;
        std::uint16_t answerCount = 0;
        std::uint16_t additionalCount = 0;
        std::uint16_t recordSize = 0; ///< of each record in the answer section, 0 if they differ
    };
    /** The result may exceed what a message can hold: callers count. */
    [[nodiscard]] const Sections& finish();

private:
    class Record;
    struct Buffer;

    std::uint32_t ttl_;
    std::string question_;
    std::unique_ptr<Buffer> buffer_;
    Sections sections_;
};

} // namespace mmsd::dns
