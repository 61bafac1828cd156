// SPDX-License-Identifier: MIT
// Which service answers for which host name of the gateway. Pure.
#include "workers/haproxy-manager/virtual_host_claims.h"

#include "common/text.h"
#include "workers/haproxy-manager/label_grammar.h"
#include "workers/haproxy-manager/service_builder.h"
#include "workers/runtime/app_precedence.h"

#include <algorithm>
#include <array>
#include <span>

namespace mmsd::haproxy {

namespace {

constexpr std::string_view kEveryHost = "*";

std::string_view hostLabel(VirtualHostClaims::Kind kind) noexcept {
    return kind == VirtualHostClaims::Kind::Http ? "lb-vhost" : "lb-vhost-ssl";
}

std::span<const std::string_view> defaultLabels(VirtualHostClaims::Kind kind) noexcept {
    static constexpr std::array<std::string_view, 1> kHttp{"lb-vhost-default"};
    static constexpr std::array<std::string_view, 2> kTls{"lb-vhost-ssl-default",
                                                          "lb-vhost-default-ssl"};
    if (kind == VirtualHostClaims::Kind::Http)
        return kHttp;
    return kTls;
}

const std::string* find(const protocol::Labels& labels, std::string_view name) noexcept {
    const auto found = labels.find(name);
    return found != labels.end() ? &found->second : nullptr;
}

const protocol::Labels& portLabels(const protocol::App& app, const Service& service) noexcept {
    return app.ports[service.portIndex].labels;
}

const std::string* holderOf(const VirtualHosts& held, const std::string& host) {
    if (host == kEveryHost)
        return held.fallback ? &*held.fallback : nullptr;
    const auto& names = host.starts_with('.') ? held.suffixes : held.exact;
    const auto found = names.find(host);
    return found != names.end() ? &found->second : nullptr;
}

} // namespace

bool VirtualHostClaims::fits(const Service& service) const noexcept {
    // TLS passes the gateway untouched, so its port speaks plain TCP to HAProxy.
    return service.isHttp() == (kind_ == Kind::Http);
}

void VirtualHostClaims::refuse(const protocol::App& app, std::uint16_t index, std::string reason,
                               protocol::RefusalRule rule) {
    refusals_.push_back({app.id, index, std::move(reason), rule, true});
}

void VirtualHostClaims::add(const protocol::App& app, const std::vector<const Service*>& services) {
    const std::string_view name = hostLabel(kind_);
    const std::string_view expected = kind_ == Kind::Http
                                          ? "the gateway's port 80 needs proto=http here"
                                          : "TLS by SNI needs a port that is not proto=http";
    const Service* firstFit = nullptr;
    for (const Service* const service : services) {
        const std::string* const hosts = find(portLabels(app, *service), name);
        if (hosts == nullptr) {
            if (firstFit == nullptr && fits(*service))
                firstFit = service;
        } else if (fits(*service)) {
            addHosts(app, *service, name, *hosts);
        } else {
            refuse(app, service->portIndex, labelReason(name, *hosts, expected));
        }
    }
    // On the app, the label means the first port that can have it.
    if (const std::string* const hosts = find(app.labels, name)) {
        if (firstFit != nullptr)
            addHosts(app, *firstFit, name, *hosts);
        else
            refuse(app, protocol::kWholeApp, labelReason(name, *hosts, expected));
    }
    addDefault(app, services);
}

void VirtualHostClaims::addHosts(const protocol::App& app, const Service& service,
                                 std::string_view labelName, const std::string& hosts) {
    const auto items = splitList(hosts);
    if (items.empty())
        refuse(app, service.portIndex, labelReason(labelName, hosts, "names no host"));
    for (const std::string_view item : items) {
        if (auto host = parseVirtualHost(item))
            claims_[*std::move(host)].push_back(
                {&app, &service, proxyName(app.id, service.portIndex)});
        else
            refuse(app, service.portIndex,
                   labelReason(labelName, item, "is no host name; not used"));
    }
}

void VirtualHostClaims::addDefault(const protocol::App& app,
                                   const std::vector<const Service*>& services) {
    for (const std::string_view name : defaultLabels(kind_)) {
        for (const Service* const service : services)
            if (const std::string* const value = find(portLabels(app, *service), name)) {
                const auto index = parseNumber<std::uint16_t>(trim(*value));
                if (index == service->portIndex || index == std::uint16_t{1})
                    claimDefault(app, *service, name, *value);
                else
                    refuse(app, service->portIndex,
                           labelReason(name, *value, "expected the port's index, or 1"));
            }
        if (const std::string* const value = find(app.labels, name)) {
            const auto index = parseNumber<std::uint16_t>(trim(*value));
            const auto named = std::ranges::find_if(
                services, [&](const Service* service) { return index == service->portIndex; });
            if (named != services.end())
                claimDefault(app, **named, name, *value);
            else
                refuse(app, protocol::kWholeApp,
                       labelReason(name, *value, "expected the index of an exposed port"));
        }
    }
}

void VirtualHostClaims::claimDefault(const protocol::App& app, const Service& service,
                                     std::string_view labelName, const std::string& value) {
    if (fits(service))
        claims_[std::string{kEveryHost}].push_back(
            {&app, &service, proxyName(app.id, service.portIndex)});
    else
        refuse(app, service.portIndex,
               labelReason(labelName, value,
                           kind_ == Kind::Http ? "the port needs proto=http"
                                               : "the port must not be proto=http"));
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
            refuse(*claim.app, claim.service->portIndex,
                   (host == kEveryHost
                        ? std::string{defaultLabels(kind_).front()} + " taken"
                        : labelReason(hostLabel(kind_), host.starts_with('.') ? "*" + host : host,
                                      "taken")) +
                       " by " + best.app->id + " port index " +
                       std::to_string(best.service->portIndex),
                   protocol::RefusalRule::Conflict);
    return best;
}

VirtualHosts VirtualHostClaims::settle(const VirtualHosts& held) {
    VirtualHosts hosts;
    for (const auto& [host, claims] : claims_) {
        const std::string& proxy = winner(claims, holderOf(held, host), host).proxy;
        if (host == kEveryHost)
            hosts.fallback = proxy;
        else
            (host.starts_with('.') ? hosts.suffixes : hosts.exact)[host] = proxy;
    }
    return hosts;
}

} // namespace mmsd::haproxy
