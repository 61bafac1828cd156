// SPDX-License-Identifier: MIT
// Which service answers for which host name of the gateway. Pure.
#include "workers/haproxy-manager/virtual_host_claims.h"

#include "workers/runtime/app_precedence.h"

#include <algorithm>
#include <utility>

namespace mmsd::haproxy {

namespace {

const std::string* holderOf(const VirtualHosts& held, const std::string& host) {
    if (host == worker::kEveryHost)
        return held.fallback ? &*held.fallback : nullptr;
    const auto& names = host.starts_with('.') ? held.suffixes : held.exact;
    const auto found = names.find(host);
    return found != names.end() ? &found->second : nullptr;
}

} // namespace

void VirtualHostClaims::add(const protocol::App& app, const std::vector<const Service*>& services) {
    std::vector<worker::GatewayPort> ports;
    std::map<std::uint16_t, const Service*> byIndex;
    for (const Service* const service : services) {
        ports.push_back({service->portIndex, service->isHttp()});
        byIndex.emplace(service->portIndex, service);
    }
    worker::HostWishes read = worker::readHostWishes(kind_, app, ports);
    for (worker::HostWish& wish : read.wishes)
        claims_[std::move(wish.host)].push_back(
            {&app, byIndex.at(wish.portIndex), proxyName(app.id, wish.portIndex)});
    refusals_.insert(refusals_.end(), std::make_move_iterator(read.refusals.begin()),
                     std::make_move_iterator(read.refusals.end()));
}

const VirtualHostClaims::Claim& VirtualHostClaims::winner(const std::vector<Claim>& claims,
                                                          const std::string* holder,
                                                          const std::string& host) {
    const auto goesFirst = [holder](const Claim& a, const Claim& b) {
        const bool isHeldByA = holder != nullptr && a.proxy == *holder;
        const bool isHeldByB = holder != nullptr && b.proxy == *holder;
        if (isHeldByA != isHeldByB)
            return isHeldByA;
        if (a.app != b.app)
            return worker::precedes(*a.app, *b.app);
        return a.service->portIndex < b.service->portIndex;
    };
    const Claim& best = *std::ranges::min_element(claims, goesFirst);
    for (const Claim& claim : claims)
        if (claim.service != best.service)
            refusals_.push_back({claim.app->id, claim.service->portIndex,
                                 worker::hostTakenReason(kind_, host) + " by " + best.app->id +
                                     " port index " + std::to_string(best.service->portIndex),
                                 protocol::RefusalRule::Conflict, true});
    return best;
}

VirtualHosts VirtualHostClaims::settle(const VirtualHosts& held) {
    VirtualHosts hosts;
    for (const auto& [host, claims] : claims_) {
        const std::string& proxy = winner(claims, holderOf(held, host), host).proxy;
        if (host == worker::kEveryHost)
            hosts.fallback = proxy;
        else
            (host.starts_with('.') ? hosts.suffixes : hosts.exact)[host] = proxy;
    }
    return hosts;
}

} // namespace mmsd::haproxy
