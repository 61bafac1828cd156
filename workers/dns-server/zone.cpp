// SPDX-License-Identifier: MIT
// Zone: prepared answers of the whole state, and how they follow it.
#include "workers/dns-server/zone.h"

#include <fmt/format.h>

#include <utility>

namespace mmsd::dns {

Zone::Zone(ZoneOptions options)
    : options_{std::move(options)}, baseLabels_{splitLabels(options_.base).size()}, encoder_{
                                                                                        options_} {}

void Zone::exchange(const AppBlock* old, AppBlock* next, const AppRecords& records,
                    std::uint64_t update) {
    if (old != nullptr)
        reverse_.remove(old->targets);
    if (next != nullptr) {
        for (std::size_t i = 0; i < next->names.size(); ++i) {
            const NameRecords& name = records.names[i];
            const Claim claim{next->names[i].prepared.block(), next->app.get(), next, name.kind,
                              name.portIndex};
            next->names[i].entry = &names_.claim(name.name, claim, old, update);
        }
        reverse_.add(next->targets);
        allUnhealthyApps_ += next->isAllUnhealthy;
        ++appCount_;
        if (!next->refusals.empty())
            refusing_.insert(next);
    }
    if (old != nullptr) {
        for (const AppBlock::Name& name : old->names)
            names_.withdraw(*name.entry, old, update);
        allUnhealthyApps_ -= old->isAllUnhealthy;
        --appCount_;
        refusing_.erase(old);
    }
}

WireName Zone::chooseServerName() const {
    for (unsigned i = 0;; ++i) {
        const std::string label = i == 0 ? "ns" : "ns" + std::to_string(i);
        WireName name = static_cast<char>(label.size()) + label;
        const NameNode* node = names_.find(name);
        if (node == nullptr || node->winner.owner == nullptr || node->winner.owner == this)
            return name;
    }
}

void Zone::advance(std::uint32_t timestamp, std::uint64_t update) {
    // Serial arithmetic: larger is at most 2^31 - 1 ahead. Source: RFC 1982 §3.2.
    const bool isAhead = static_cast<std::int32_t>(timestamp - serial_) > 0;
    if (serial_ == 0 || isAhead)
        serial_ = timestamp;
    else
        ++serial_;
    if (serial_ == 0)
        serial_ = 1; // 0 says "not ready"

    const WireName name = chooseServerName();
    if (serverEntry_ == nullptr || serverEntry_->first != name) {
        if (serverEntry_ != nullptr)
            names_.withdraw(*std::exchange(serverEntry_, nullptr), this, update);
        server_ = encoder_.prepareServer(name);
        const Claim claim{server_.block(), nullptr, this, NameKind::Zone};
        serverEntry_ = &names_.claim(name, claim, nullptr, update);
    }
    apex_ = encoder_.prepareApex(serial_, name);
    names_.claim({}, Claim{apex_.block(), nullptr, this, NameKind::Zone}, this, update);
    soa_ = encoder_.makeSoaTemplate(serial_, name);
    reverseSoa_ = encoder_.makeReverseSoa(serial_, name);
}

ZoneCounts Zone::counts() const {
    ZoneCounts counts;
    counts.apps = appCount_;
    counts.names = names_.size();
    counts.reverseNames = reverse_.size();
    counts.allUnhealthyApps = allUnhealthyApps_;
    names_.forEachLoser(
        [&](const WireName&, const Claim&, const Claim&) { ++counts.contestedNames; });
    counts.serial = serial_;
    return counts;
}

std::vector<protocol::Refusal> Zone::refusals() const {
    std::vector<protocol::Refusal> all;
    for (const AppBlock* block : refusing_)
        all.insert(all.end(), block->refusals.begin(), block->refusals.end());
    names_.forEachLoser([&](const WireName& name, const Claim& loser, const Claim& winner) {
        if (loser.app != nullptr)
            all.push_back({loser.app->id, loser.portIndex,
                           fmt::format("the DNS name {} belongs to {}",
                                       toText(name + options_.base), winner.app->id),
                           protocol::RefusalRule::Conflict, loser.kind != NameKind::App});
    });
    return all;
}

} // namespace mmsd::dns
