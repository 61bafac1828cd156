// SPDX-License-Identifier: MIT
// Quarantine: app ports that HAProxy refused, kept out until they change. Pure.
#include "workers/haproxy-manager/quarantine.h"

#include <algorithm>
#include <set>
#include <unordered_set>

namespace mmsd::haproxy {

void Quarantine::add(const Fragment& fragment, std::string reason) {
    bad_.try_emplace(fragment.hash(), std::move(reason));
}

void Quarantine::addBusy(std::uint16_t port, std::string reason) {
    busy_.try_emplace(port, std::move(reason));
}

void Quarantine::keepOnly(const Config& wanted) {
    if (bad_.empty())
        return;
    std::unordered_set<std::uint64_t> hashes;
    for (const FragmentPtr& fragment : wanted.fragments)
        hashes.insert(fragment->hash());
    std::erase_if(bad_, [&hashes](const auto& entry) { return !hashes.contains(entry.first); });
}

std::optional<Quarantine::Objection> Quarantine::objection(const Fragment& fragment,
                                                           const Config& running) const {
    using protocol::RefusalRule;
    if (bad_.empty() && busy_.empty())
        return std::nullopt;
    if (const auto bad = bad_.find(fragment.hash()); bad != bad_.end())
        return Objection{RefusalRule::Quarantined, bad->second};
    const auto busy = busy_.find(fragment.servicePort);
    if (busy == busy_.end())
        return std::nullopt;
    const Fragment* const held = running.find(fragment.proxy);
    const bool isBound = held != nullptr && held->servicePort == fragment.servicePort;
    return isBound ? std::nullopt : std::optional{Objection{RefusalRule::PortBusy, busy->second}};
}

Config Quarantine::compose(const Config& wanted, const Config& running,
                           std::vector<protocol::Refusal>& refusals) const {
    Config composed{wanted.base, {}, {}, wanted.tail};
    std::set<std::uint16_t> ports;
    std::vector<FragmentPtr> keptBack;
    std::unordered_set<std::string_view> missing; // proxies that are not as wanted
    for (const FragmentPtr& fragment : wanted.fragments) {
        const auto objection = this->objection(*fragment, running);
        if (!objection) {
            composed.fragments.push_back(fragment);
            ports.insert(fragment->servicePort);
            continue;
        }
        missing.insert(fragment->proxy);
        const Fragment* const last = running.find(fragment->proxy);
        const bool hasLast = last != nullptr && !holds(*last);
        refusals.push_back({fragment->appId, fragment->portIndex,
                            objection->reason + (hasLast ? "; its last good form stays" : ""),
                            objection->rule, hasLast});
        if (hasLast)
            keptBack.push_back(withServers(*last, fragment->servers));
    }
    for (FragmentPtr& fragment : keptBack)
        if (ports.insert(fragment->servicePort).second) // else somebody else has the port now
            composed.fragments.push_back(std::move(fragment));
    std::ranges::sort(composed.fragments, {},
                      [](const FragmentPtr& f) -> const std::string& { return f->proxy; });

    if (missing.empty()) {
        composed.maps = wanted.maps;
        return composed;
    }
    for (const auto& [name, content] : wanted.maps) {
        const auto held = running.maps.find(name);
        composed.maps[name] =
            keepUsableLines(content, held != running.maps.end() ? held->second : std::string{},
                            [&](std::string_view proxy) {
                                return composed.find(proxy) != nullptr && !missing.contains(proxy);
                            });
    }
    return composed;
}

} // namespace mmsd::haproxy
