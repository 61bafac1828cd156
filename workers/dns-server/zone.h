// SPDX-License-Identifier: MIT
// Zone: prepared answers of the whole state, and how they follow it.
#pragma once

#include "protocol/state.h"
#include "workers/dns-server/answer_encoder.h"
#include "workers/dns-server/name_table.h"
#include "workers/dns-server/reverse_table.h"
#include "workers/dns-server/zone_options.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace mmsd::dns {

/** Prepared answers of one app; its addresses in memory are what claims and PTR sets borrow. */
struct AppBlock {
    struct Name {
        NameTable::Entry* entry = nullptr;
        PreparedName prepared;
    };

    std::shared_ptr<const protocol::App> app;
    std::vector<Name> names;
    std::vector<Target> targets;
    std::vector<protocol::Refusal> refusals;
    bool isAllUnhealthy = false;
};

/** What the zone holds, for metrics. */
struct ZoneCounts {
    std::size_t apps = 0;
    std::size_t names = 0;            ///< that exist, empty non-terminals included
    std::size_t reverseNames = 0;     ///< with PTR records
    std::size_t allUnhealthyApps = 0; ///< answered with what runs, as nothing serves
    std::size_t contestedNames = 0;   ///< claims that lost
    std::uint32_t serial = 0;
};

/** Owns every prepared answer. One thread; between two steps of a ZoneUpdate it can always be
 *  asked: each app's names are either the old or the new ones. */
class Zone {
public:
    explicit Zone(ZoneOptions options);
    Zone(const Zone&) = delete;
    Zone& operator=(const Zone&) = delete;

    /** False until the first update is complete: then every name would seem not to exist. */
    [[nodiscard]] bool isReady() const noexcept { return serial_ != 0; }
    [[nodiscard]] const WireName& base() const noexcept { return options_.base; }
    [[nodiscard]] std::size_t baseLabels() const noexcept { return baseLabels_; }
    /** Null if the name does not exist. @param name relative to the base name, lower case */
    [[nodiscard]] const NameNode* find(std::string_view name) const noexcept {
        return names_.find(name);
    }
    /** Null if it is no address of an instance. @param name complete, lower case */
    [[nodiscard]] const PreparedBlock* findReverse(std::string_view name) const noexcept {
        return reverse_.find(name);
    }
    /** For prefetching. */
    [[nodiscard]] const NameIndex<NameNode>& index() const noexcept { return names_.index(); }
    [[nodiscard]] const SoaTemplate& soa() const noexcept { return soa_; }
    /** A whole SOA record whose owner is the question. */
    [[nodiscard]] const std::vector<std::uint8_t>& reverseSoa() const noexcept {
        return reverseSoa_;
    }

    [[nodiscard]] ZoneCounts counts() const;
    /** All that could not be put into the zone, and why. */
    [[nodiscard]] std::vector<protocol::Refusal> refusals() const;

private:
    friend class ZoneUpdate;

    /** Puts the names of @p next in force in place of those of @p old; either may be null.
     *  @param records what @p next was made from */
    void exchange(const AppBlock* old, AppBlock* next, const AppRecords& records,
                  std::uint64_t update);
    /** Moves the serial and all that tells it. @param timestamp seconds, what it follows */
    void advance(std::uint32_t timestamp, std::uint64_t update);
    [[nodiscard]] WireName chooseServerName() const;

    const ZoneOptions options_;
    const std::size_t baseLabels_;
    AnswerEncoder encoder_;
    std::vector<std::unique_ptr<AppBlock>> blocks_; ///< sorted by app id
    std::unordered_set<const AppBlock*> refusing_;  ///< blocks with refusals
    std::size_t allUnhealthyApps_ = 0;
    std::size_t appCount_ = 0;
    NameTable names_;
    ReverseTable reverse_;

    std::uint64_t updates_ = 0;
    std::uint32_t serial_ = 0;
    PreparedName apex_;
    PreparedName server_;
    NameTable::Entry* serverEntry_ = nullptr;
    SoaTemplate soa_;
    std::vector<std::uint8_t> reverseSoa_;
};

} // namespace mmsd::dns
