// SPDX-License-Identifier: MIT
// Quarantine: app ports that HAProxy refused, kept out until they change. Pure.
#include "workers/haproxy-manager/quarantine.h"

#include <algorithm>
#include <unordered_set>

namespace mmsd::haproxy {

void Quarantine::add(const Fragment& fragment, std::string reason) {
    bad_[fragment.proxy].try_emplace(fragment.hash(), std::move(reason));
}

void Quarantine::addBusy(std::uint16_t port, std::string reason) {
    busy_.try_emplace(port, std::move(reason));
}

const std::string* Quarantine::reasonAgainst(const Fragment& fragment) const {
    const auto forms = bad_.find(fragment.proxy);
    if (forms == bad_.end())
        return nullptr;
    const auto found = forms->second.find(fragment.hash());
    return found != forms->second.end() ? &found->second : nullptr;
}

void Quarantine::keepOnly(const Config& wanted) {
    for (auto& [proxy, forms] : bad_) {
        const Fragment* const fragment = wanted.find(proxy);
        std::erase_if(forms, [fragment](const auto& form) {
            return fragment == nullptr || fragment->hash() != form.first;
        });
    }
    std::erase_if(bad_, [](const auto& entry) { return entry.second.empty(); });
}

std::optional<Quarantine::Objection> Quarantine::objection(const Fragment& fragment,
                                                           const Config& running) const {
    using protocol::RefusalRule;
    if (const std::string* const reason = reasonAgainst(fragment))
        return Objection{RefusalRule::Quarantined, *reason};
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
    composed.fragments.reserve(wanted.fragments.size());
    std::vector<FragmentPtr> keptBack;
    std::unordered_set<std::string_view> missing; // proxies that are not as wanted
    for (const FragmentPtr& fragment : wanted.fragments) {
        const auto objection = this->objection(*fragment, running);
        if (!objection) {
            composed.fragments.push_back(fragment);
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
    if (!keptBack.empty()) {
        std::unordered_set<std::uint16_t> ports;
        for (const FragmentPtr& fragment : composed.fragments)
            ports.insert(fragment->servicePort);
        for (FragmentPtr& fragment : keptBack)
            if (ports.insert(fragment->servicePort).second) // else somebody else has the port now
                composed.fragments.push_back(std::move(fragment));
        std::ranges::sort(composed.fragments, {},
                          [](const FragmentPtr& f) -> const std::string& { return f->proxy; });
    }
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
