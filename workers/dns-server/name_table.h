// SPDX-License-Identifier: MIT
// NameTable: every name below the base name, who claims it, and which claim is answered.
#pragma once

#include "workers/dns-server/app_records.h"
#include "workers/dns-server/name_index.h"
#include "workers/dns-server/prepared_name.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace mmsd::dns {

/** One owner's wish to answer a name. Borrows everything; it must be withdrawn before they go. */
struct Claim {
    const PreparedBlock* prepared = nullptr;
    const protocol::App* app = nullptr; ///< null only for NameKind::Zone
    const void* owner = nullptr;        ///< identity: one claim per owner and name
    NameKind kind = NameKind::App;
    std::uint16_t portIndex = protocol::kWholeApp;
};

/** A name that exists (RFC 8020): it has claims, or names below it have. */
struct NameNode {
    Claim winner; ///< owner null: an empty non-terminal
    /** Number of the update in which the winner won: in a later one it has the older right. */
    std::uint64_t wonIn = 0;
    std::uint32_t children = 0; ///< existing names one label below
    std::unique_ptr<std::vector<Claim>> losers;
};

/** Owns the nodes. Changes cost what they touch, so that one app's change is cheap in any zone.
 *  The winner is the smaller kind, then the one that was winning before this update, then
 *  worker::precedes(). Source: CONTRACT section 3. */
class NameTable {
public:
    using Entry = NameIndex<NameNode>::Entry;

    NameTable();

    /** Null if there is no such name. The empty name always exists. */
    [[nodiscard]] const NameNode* find(std::string_view name) const noexcept {
        const Entry* entry = nodes_.find(name);
        return entry == nullptr ? nullptr : &entry->second;
    }

    /** Puts @p claim on @p name, in place of what @p oldOwner (may be null) claims there.
     *  @return the entry, stable until the claim is withdrawn */
    Entry& claim(const WireName& name, const Claim& claim, const void* oldOwner,
                 std::uint64_t update);
    /** Takes the claim of @p owner back, if it still has one there. */
    void withdraw(Entry& entry, const void* owner, std::uint64_t update);

    /** Calls back for every claim that lost. */
    void forEachLoser(const std::function<void(const WireName& name, const Claim& loser,
                                               const Claim& winner)>& callback) const;

    [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
    /** Avoids growing in the middle of an update. */
    void reserve(std::size_t names) { nodes_.reserve(names); }
    [[nodiscard]] const NameIndex<NameNode>& index() const noexcept { return nodes_; }

private:
    Entry& obtain(std::string_view name);
    void release(Entry& entry);
    static bool outranks(const Claim& claim, const NameNode& node, std::uint64_t update) noexcept;
    void addLoser(Entry& entry, const Claim& claim);
    void promote(Entry& entry, std::uint64_t update);

    NameIndex<NameNode> nodes_;
    std::vector<const Entry*> contested_; ///< entries with losers
};

} // namespace mmsd::dns
