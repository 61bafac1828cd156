// SPDX-License-Identifier: MIT
// ReverseTable: the names that PTR queries ask for.
#include "workers/dns-server/reverse_table.h"

#include <utility>

namespace mmsd::dns {

ReverseTable::Node& ReverseTable::obtain(const IpAddress& address) {
    const WireName name = reverseName(address);
    Entry* found = nodes_.find(name);
    Node& node = found != nullptr ? found->second : nodes_.insert(name).second;
    if (!node.isDirty) {
        node.isDirty = true;
        dirty_.push_back(name);
    }
    return node;
}

void ReverseTable::add(std::span<const Target> targets) {
    for (const Target& target : targets) {
        for (const IpAddress& address : target.addresses)
            obtain(address).targets.insert(target.name);
    }
}

void ReverseTable::remove(std::span<const Target> targets) {
    for (const Target& target : targets) {
        for (const IpAddress& address : target.addresses) {
            Node& node = obtain(address);
            const auto found = node.targets.find(target.name);
            // Equal names of two apps that collide: the other's view must stay.
            if (found != node.targets.end() && found->data() == target.name.data())
                node.targets.erase(found);
        }
    }
}

bool ReverseTable::prepareNext(AnswerEncoder& encoder) {
    if (dirty_.empty())
        return false;
    const WireName name = std::move(dirty_.back());
    dirty_.pop_back();
    Entry& entry = *nodes_.find(name);
    Node& node = entry.second;
    node.isDirty = false;
    if (node.targets.empty()) {
        nodes_.erase(entry);
        return true;
    }
    std::vector<std::string_view> first;
    for (const std::string_view target : node.targets) {
        if (first.size() == kMaxPointers)
            break;
        first.push_back(target);
    }
    node.prepared = encoder.preparePointers(name, first);
    return true;
}

} // namespace mmsd::dns
