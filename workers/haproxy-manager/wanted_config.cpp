// SPDX-License-Identifier: MIT
// WantedConfig: the configuration that the cluster's state asks for, kept up to date by what
// changes. Pure.
#include "workers/haproxy-manager/wanted_config.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace mmsd::haproxy {

namespace {

constexpr std::size_t kOwnListeners = 4; // admin socket, management page, gateway

std::string proxyOf(const Service& service) {
    return proxyName(service.appId, service.portIndex);
}

/** @param changed new forms by proxy; null: it goes */
void merge(std::vector<FragmentPtr>& fragments, const std::map<std::string, FragmentPtr>& changed) {
    std::vector<FragmentPtr> merged;
    merged.reserve(fragments.size() + changed.size());
    auto rest = fragments.begin();
    const auto end = fragments.end();
    for (const auto& [proxy, fragment] : changed) {
        const auto next = std::ranges::lower_bound(
            rest, end, proxy, {}, [](const FragmentPtr& f) -> const auto& { return f->proxy; });
        std::move(rest, next, std::back_inserter(merged));
        rest = next != end && (*next)->proxy == proxy ? std::next(next) : next;
        if (fragment)
            merged.push_back(fragment);
    }
    std::move(rest, end, std::back_inserter(merged));
    fragments = std::move(merged);
}

} // namespace

WantedConfig::WantedConfig(ExposureRules rules, const IpAddress& bindIp)
    : exposure_{rules}, bindIp_{bindIp}, hasGateway_{rules.hasGateway}, demand_{.listeners =
                                                                                    kOwnListeners} {
    if (hasGateway_)
        config_.maps = makeMaps({}, {});
}

void WantedConfig::update(std::shared_ptr<const protocol::Snapshot> snapshot,
                          const Config& running) {
    take(exposure_.update(std::move(snapshot), running));
    if (exposure_.haveHostsChanged())
        config_.maps = makeMaps(exposure_.hosts(worker::GatewayKind::Http),
                                exposure_.hosts(worker::GatewayKind::Tls));
}

void WantedConfig::take(std::span<const ServiceChange> changes) {
    if (changes.empty())
        return;
    std::map<std::string, FragmentPtr> changed;
    // First what goes: an app port that moves to another service port does both.
    for (const auto& [before, after] : changes)
        if (before) {
            count(*before, false);
            changed[proxyOf(*before)] = nullptr;
        }
    for (const auto& [before, after] : changes)
        if (after) {
            count(*after, true);
            changed[proxyOf(*after)] = fragmentOf(*after);
        }
    merge(config_.fragments, changed);
}

void WantedConfig::count(const Service& service, bool isThere) {
    const std::size_t checked = service.check ? service.servers.size() : 0;
    const std::string backend = std::string{worker::kBackendPrefix} + proxyOf(service);
    if (isThere) {
        ++demand_.listeners;
        demand_.checkedServers += checked;
        if (!service.draining.empty())
            draining_[backend] = {service.draining.begin(), service.draining.end()};
    } else {
        --demand_.listeners;
        demand_.checkedServers -= checked;
        draining_.erase(backend);
    }
}

/** The one in force where nothing that HAProxy cares for changed. */
FragmentPtr WantedConfig::fragmentOf(const Service& service) const {
    FragmentPtr made;
    if (areChecksOn_ || !service.check) {
        made = makeFragment(service, bindIp_);
    } else {
        Service unchecked = service;
        unchecked.check.reset();
        made = makeFragment(unchecked, bindIp_);
    }
    const FragmentPtr known = config_.get(made->proxy);
    return known && *known == *made ? known : made;
}

void WantedConfig::switchChecks(bool areOn) {
    if (std::exchange(areChecksOn_, areOn) == areOn)
        return;
    std::map<std::string, FragmentPtr> changed;
    for (const auto& [port, service] : exposure_.services())
        changed[proxyOf(*service)] = fragmentOf(*service);
    merge(config_.fragments, changed);
}

void WantedConfig::setGlobals(const ConfigOptions& options, std::string tail) {
    FdDemand demand = demand_;
    if (!areChecksOn_)
        demand.checkedServers = 0;
    config_.base = makeBase(options, connectionLimit(options.hardFdLimit, demand));
    config_.tail = std::move(tail);
}

} // namespace mmsd::haproxy
