// SPDX-License-Identifier: MIT
// VirtualHostClaims: which service answers for which host name of the gateway, kept up to date app
// by app. Pure.
#include "workers/haproxy-manager/virtual_host_claims.h"

#include "workers/runtime/app_precedence.h"

#include <algorithm>
#include <optional>
#include <tuple>
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

void VirtualHostClaims::set(const protocol::App& app, std::span<const worker::GatewayPort> ports) {
    forgetWishes(app.id);
    worker::HostWishes read = worker::readHostWishes(kind_, app, ports);
    if (!read.wishes.empty()) {
        std::vector<std::string>& names = wishes_[app.id];
        for (worker::HostWish& wish : read.wishes) {
            claims_[wish.host].push_back({&app, wish.portIndex, proxyName(app.id, wish.portIndex)});
            touched_.insert(wish.host);
            names.push_back(std::move(wish.host));
        }
    }
    mistakes_.set(app.id, std::move(read.refusals));
}

void VirtualHostClaims::withdraw(const std::string& appId) {
    forgetWishes(appId);
    mistakes_.set(appId, {});
}

void VirtualHostClaims::forgetWishes(const std::string& appId) {
    const auto wished = wishes_.find(appId);
    if (wished == wishes_.end())
        return;
    // The app itself may be gone already; its proxies tell which claims were its own.
    for (const std::string& host : wished->second) {
        const auto claims = claims_.find(host);
        if (claims == claims_.end())
            continue; // named twice
        std::erase_if(claims->second, [&appId](const Claim& claim) {
            return claim.proxy == proxyName(appId, claim.portIndex);
        });
        if (claims->second.empty())
            claims_.erase(claims);
        touched_.insert(host);
    }
    wishes_.erase(wished);
}

void VirtualHostClaims::hold(VirtualHosts held) {
    touchDifferent(held_.exact, held.exact);
    touchDifferent(held_.suffixes, held.suffixes);
    if (held_.fallback != held.fallback)
        touched_.emplace(worker::kEveryHost);
    held_ = std::move(held);
}

void VirtualHostClaims::touchDifferent(const std::map<std::string, std::string>& before,
                                       const std::map<std::string, std::string>& after) {
    const auto touch = [this](const auto& from, const auto& other) {
        for (const auto& [host, proxy] : from) {
            const auto found = other.find(host);
            if (found == other.end() || found->second != proxy)
                touched_.insert(host);
        }
    };
    touch(before, after);
    touch(after, before);
}

const VirtualHostClaims::Claim& VirtualHostClaims::winner(std::vector<Claim>& claims,
                                                          const std::string& host) {
    // The order in which they came must not show anywhere.
    std::ranges::sort(claims, [](const Claim& a, const Claim& b) {
        return std::tie(a.app->id, a.portIndex) < std::tie(b.app->id, b.portIndex);
    });
    const std::string* const holder = holderOf(held_, host);
    const auto goesFirst = [holder](const Claim& a, const Claim& b) {
        const bool isHeldByA = holder != nullptr && a.proxy == *holder;
        const bool isHeldByB = holder != nullptr && b.proxy == *holder;
        if (isHeldByA != isHeldByB)
            return isHeldByA;
        if (a.app != b.app)
            return worker::precedes(*a.app, *b.app);
        return a.portIndex < b.portIndex;
    };
    const Claim& best = *std::ranges::min_element(claims, goesFirst);
    std::vector<protocol::Refusal> losers;
    for (const Claim& claim : claims)
        if (claim.proxy != best.proxy) // else it is named twice
            losers.push_back({claim.app->id, claim.portIndex,
                              worker::hostTakenReason(kind_, host) + " by " + best.app->id +
                                  " port index " + std::to_string(best.portIndex),
                              protocol::RefusalRule::Conflict, true});
    conflicts_.set(host, std::move(losers));
    return best;
}

bool VirtualHostClaims::settle() {
    bool hasChanged = false;
    for (const std::string& host : std::exchange(touched_, {})) {
        const auto claims = claims_.find(host);
        if (claims == claims_.end()) {
            conflicts_.set(host, {});
            hasChanged |= give(host, nullptr);
        } else {
            hasChanged |= give(host, &winner(claims->second, host).proxy);
        }
    }
    return hasChanged;
}

/** @param proxy null: nobody's. @return whether that is news */
bool VirtualHostClaims::give(const std::string& host, const std::string* proxy) {
    if (host == worker::kEveryHost) {
        const auto before =
            std::exchange(hosts_.fallback, proxy != nullptr ? std::optional{*proxy} : std::nullopt);
        return before != hosts_.fallback;
    }
    auto& names = host.starts_with('.') ? hosts_.suffixes : hosts_.exact;
    if (proxy == nullptr)
        return names.erase(host) != 0;
    std::string& owner = names[host];
    const bool isNews = owner != *proxy;
    owner = *proxy;
    return isNews;
}

} // namespace mmsd::haproxy
