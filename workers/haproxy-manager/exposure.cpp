// SPDX-License-Identifier: MIT
// Exposure: which app ports HAProxy serves, and why not the others, kept up to date by what
// changes. Pure.
#include "workers/haproxy-manager/exposure.h"

#include "workers/haproxy-manager/label_grammar.h"
#include "workers/haproxy-manager/service_builder.h"

#include <utility>

namespace mmsd::haproxy {

namespace {

worker::PortName nameOf(const Fragment& fragment) {
    return {fragment.appId, fragment.portIndex};
}

} // namespace

Exposure::Exposure(ExposureRules rules)
    : rules_{std::move(rules)}, ports_{{worker::Transport::Tcp, rules_.groups, rules_.ownPorts}} {}

std::vector<ServiceChange> Exposure::update(std::shared_ptr<const protocol::Snapshot> snapshot,
                                            const Config& running) {
    hold(running);
    for (const auto& [before, after] : protocol::differences(snapshot_.get(), *snapshot)) {
        ports_.change(before.get(), after.get());
        touchedApps_.insert((after ? after : before)->id);
    }
    // Only from here on nothing borrows from the old one any more.
    const auto last = std::exchange(snapshot_, std::move(snapshot));

    std::vector<ServiceChange> changes;
    for (const std::uint16_t port : ports_.settle())
        rebuild(port, changes);
    haveHostsChanged_ = false;
    if (rules_.hasGateway) {
        for (const std::string& appId : touchedApps_)
            askForHosts(appId);
        const bool isHttpNew = http_.settle();
        const bool isTlsNew = tls_.settle();
        haveHostsChanged_ = isHttpNew || isTlsNew;
    }
    touchedApps_.clear();
    collectRefusals();
    return changes;
}

/** Holders by what differs between what was in force and what is. */
void Exposure::hold(const Config& running) {
    std::vector<const Fragment*> added;
    forEachDifference(held_, running.fragments, [&](const Fragment* before, const Fragment* after) {
        if (before != nullptr && after != nullptr && before->servicePort == after->servicePort)
            return; // the same app port in another form
        if (before != nullptr)
            ports_.release(before->servicePort, nameOf(*before));
        if (after != nullptr)
            added.push_back(after);
    });
    for (const Fragment* const fragment : added)
        ports_.hold(fragment->servicePort, nameOf(*fragment));
    held_ = running.fragments;
    if (rules_.hasGateway && heldMaps_ != running.maps) {
        heldMaps_ = running.maps;
        http_.hold(hostsIn(heldMaps_, worker::GatewayKind::Http));
        tls_.hold(hostsIn(heldMaps_, worker::GatewayKind::Tls));
    }
}

/** Makes the service of a port anew. */
void Exposure::rebuild(std::uint16_t port, std::vector<ServiceChange>& changes) {
    std::vector<protocol::Refusal> refusals;
    ServicePtr after;
    if (const worker::ExposedPort* const winner = ports_.winner(port)) {
        const protocol::App& app = *winner->app;
        if (worker::isSafeAppId(app.id))
            after = std::make_shared<const Service>(
                buildService(app, winner->portIndex, rules_.hasChecks, refusals));
        else
            refusals.push_back({app.id, winner->portIndex,
                                "app id holds a character that no app id can have",
                                protocol::RefusalRule::InvalidValue});
    }
    mistakes_.set(port, std::move(refusals));
    const auto known = services_.find(port);
    const ServicePtr before = known != services_.end() ? known->second : nullptr;
    if (before ? after && *before == *after : !after)
        return;
    for (const ServicePtr& service : {before, after})
        if (service)
            touchedApps_.insert(service->appId);
    if (after)
        services_[port] = after;
    else
        services_.erase(known);
    changes.push_back({before, std::move(after)});
}

/** Reads the host labels of an app, which count for its exposed ports. */
void Exposure::askForHosts(const std::string& appId) {
    const protocol::App* const app = protocol::findApp(*snapshot_, appId);
    std::vector<worker::GatewayPort> ports;
    for (std::size_t i = 0; app != nullptr && i < app->ports.size(); ++i) {
        const auto index = static_cast<std::uint16_t>(i);
        const auto found = services_.find(app->ports[i].servicePort);
        if (found != services_.end() && found->second->portIndex == index &&
            found->second->appId == appId)
            ports.push_back({index, found->second->isHttp()});
    }
    for (VirtualHostClaims* const claims : {&http_, &tls_})
        if (ports.empty())
            claims->withdraw(appId);
        else
            claims->set(*app, ports);
}

void Exposure::collectRefusals() {
    const std::uint64_t changes = ports_.refusalChanges() + mistakes_.changes() +
                                  http_.mistakes().changes() + http_.conflicts().changes() +
                                  tls_.mistakes().changes() + tls_.conflicts().changes();
    if (std::exchange(refusalChanges_, changes) == changes)
        return;
    refusals_.clear();
    ports_.appendRefusals(refusals_);
    mistakes_.appendTo(refusals_);
    for (const VirtualHostClaims* const claims : {&http_, &tls_})
        claims->mistakes().appendTo(refusals_);
    for (const VirtualHostClaims* const claims : {&http_, &tls_})
        claims->conflicts().appendTo(refusals_);
}

} // namespace mmsd::haproxy
