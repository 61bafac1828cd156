// SPDX-License-Identifier: MIT
// AnswerEncoder: records of a name in, its prepared answers out.
#pragma once

#include "workers/dns-server/app_records.h"
#include "workers/dns-server/message_encoder.h"
#include "workers/dns-server/prepared_name.h"
#include "workers/dns-server/zone_options.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mmsd::dns {

/** An SOA record for the authority section, to be finished for a question. */
struct SoaTemplate {
    std::vector<std::uint8_t> wire;
    /** Where compression pointers to the base name stand; all the same. */
    std::array<std::uint16_t, 3> pointers{};
    std::size_t pointerCount = 0; ///< 0 where the base name is the root
};

/** Builds prepared answers with ldns; borrows the options. */
class AnswerEncoder {
public:
    explicit AnswerEncoder(const ZoneOptions& options);

    struct Prepared {
        PreparedName name;
        std::size_t omitted = 0; ///< records that no message can hold
    };
    /** @param targets of the app that the records belong to */
    [[nodiscard]] Prepared prepare(const NameRecords& records, std::span<const Target> targets);
    /** The base name: SOA, and NS with the address of @p server (relative name). */
    [[nodiscard]] PreparedName prepareApex(std::uint32_t serial, const WireName& server);
    [[nodiscard]] PreparedName prepareServer(const WireName& server);
    /** @param reverse complete name
     *  @param targets relative names, at most what the caller wants in one answer */
    [[nodiscard]] PreparedName preparePointers(const WireName& reverse,
                                               std::span<const std::string_view> targets);

    /** For negative answers below the base name. */
    [[nodiscard]] SoaTemplate makeSoaTemplate(std::uint32_t serial, const WireName& server);
    /** For negative answers of a reverse name, which is its own zone here: owner is the question,
     *  and nothing else is compressed. */
    [[nodiscard]] std::vector<std::uint8_t> makeReverseSoa(std::uint32_t serial,
                                                           const WireName& server);

private:
    [[nodiscard]] std::string complete(std::string_view relative) const;
    [[nodiscard]] SoaData soaData(std::uint32_t serial, const WireName& server) const;
    std::size_t addAddresses(const NameRecords& records, std::span<const Target> targets,
                             bool isV6);
    std::size_t addServices(const NameRecords& records, std::span<const Target> targets);
    void addAnswer(std::uint16_t type);

    const ZoneOptions& options_;
    MessageEncoder encoder_;
    PreparedNameBuilder builder_;
};

} // namespace mmsd::dns
