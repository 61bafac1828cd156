// SPDX-License-Identifier: MIT
// NameTable: every name below the base name, who claims it, and which claim is answered.
#include "workers/dns-server/name_table.h"

#include "workers/runtime/app_precedence.h"

#include <algorithm>

namespace mmsd::dns {

namespace {

/** True if @p a goes before @p b where neither has an older right. */
bool precedes(const Claim& a, const Claim& b) noexcept {
    return a.kind != b.kind ? a.kind < b.kind : worker::precedes(*a.app, *b.app);
}

std::string_view parentOf(std::string_view name) noexcept {
    return name.substr(1u + static_cast<std::uint8_t>(name.front()));
}

} // namespace

NameTable::NameTable() {
    nodes_.insert({});
}

NameTable::Entry& NameTable::obtain(std::string_view name) {
    if (Entry* found = nodes_.find(name))
        return *found;
    if (!name.empty())
        ++obtain(parentOf(name)).second.children;
    return nodes_.insert(name);
}

void NameTable::release(Entry& entry) {
    const NameNode& node = entry.second;
    if (node.winner.owner != nullptr || node.children != 0 || entry.first.empty())
        return;
    Entry& parent = *nodes_.find(parentOf(entry.first));
    nodes_.erase(entry);
    --parent.second.children;
    release(parent);
}

bool NameTable::outranks(const Claim& claim, const NameNode& node, std::uint64_t update) noexcept {
    if (node.winner.owner == nullptr)
        return true;
    if (claim.kind == node.winner.kind && node.wonIn != update)
        return false;
    return precedes(claim, node.winner);
}

void NameTable::addLoser(Entry& entry, const Claim& claim) {
    NameNode& node = entry.second;
    if (!node.losers) {
        node.losers = std::make_unique<std::vector<Claim>>();
        contested_.push_back(&entry);
    }
    node.losers->push_back(claim);
}

void NameTable::promote(Entry& entry, std::uint64_t update) {
    NameNode& node = entry.second;
    node.winner = Claim{};
    if (!node.losers)
        return;
    const auto best = std::min_element(node.losers->begin(), node.losers->end(), precedes);
    node.winner = *best;
    node.wonIn = update;
    node.losers->erase(best);
    if (node.losers->empty()) {
        node.losers.reset();
        std::erase(contested_, &entry);
    }
}

NameTable::Entry& NameTable::claim(const WireName& name, const Claim& claim, const void* oldOwner,
                                   std::uint64_t update) {
    Entry& entry = obtain(name);
    NameNode& node = entry.second;
    if (oldOwner != nullptr && node.winner.owner == oldOwner && node.winner.kind == claim.kind) {
        node.winner = claim;
        return entry;
    }
    if (outranks(claim, node, update)) {
        if (node.winner.owner != nullptr)
            addLoser(entry, node.winner);
        node.winner = claim;
        node.wonIn = update;
    } else {
        addLoser(entry, claim);
    }
    if (oldOwner != nullptr && oldOwner != claim.owner)
        withdraw(entry, oldOwner, update);
    return entry;
}

void NameTable::withdraw(Entry& entry, const void* owner, std::uint64_t update) {
    NameNode& node = entry.second;
    if (node.winner.owner == owner) {
        promote(entry, update);
    } else if (node.losers) {
        std::erase_if(*node.losers, [owner](const Claim& claim) { return claim.owner == owner; });
        if (node.losers->empty()) {
            node.losers.reset();
            std::erase(contested_, &entry);
        }
    }
    release(entry);
}

void NameTable::forEachLoser(const std::function<void(const WireName& name, const Claim& loser,
                                                      const Claim& winner)>& callback) const {
    for (const Entry* entry : contested_) {
        for (const Claim& loser : *entry->second.losers)
            callback(entry->first, loser, entry->second.winner);
    }
}

} // namespace mmsd::dns
