// SPDX-License-Identifier: MIT
// ReverseTable: the names that PTR queries ask for.
#pragma once

#include "workers/dns-server/answer_encoder.h"
#include "workers/dns-server/name_index.h"

#include <cstddef>
#include <set>
#include <span>
#include <string_view>
#include <vector>

namespace mmsd::dns {

/** PTR records of one address: an agent's address may be that of hundreds of instances, of which
 *  the first few by name are as good as all, and fit in a datagram. */
inline constexpr std::size_t kMaxPointers = 16;

/** Owns the prepared PTR answers; borrows the targets' names. */
class ReverseTable {
public:
    /** Null if no instance has that address. @param name complete, as reverseName() makes it */
    [[nodiscard]] const PreparedBlock* find(std::string_view name) const noexcept {
        const Entry* entry = nodes_.find(name);
        return entry == nullptr ? nullptr : entry->second.prepared.block();
    }

    /** @param targets stay where they are until they are removed */
    void add(std::span<const Target> targets);
    void remove(std::span<const Target> targets);
    /** Prepares the answer of one address that has changed; false if there is none. */
    bool prepareNext(AnswerEncoder& encoder);

    [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
    /** Avoids growing in the middle of an update. */
    void reserve(std::size_t addresses) {
        nodes_.reserve(addresses);
        dirty_.reserve(addresses);
    }

private:
    struct Node {
        std::set<std::string_view> targets;
        PreparedName prepared;
        bool isDirty = false;
    };
    using Entry = NameIndex<Node>::Entry;
    Node& obtain(const IpAddress& address);

    NameIndex<Node> nodes_;
    std::vector<WireName> dirty_;
};

} // namespace mmsd::dns
