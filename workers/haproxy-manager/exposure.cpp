// SPDX-License-Identifier: MIT
// Which app ports HAProxy serves, and why not the others. Pure.
#include "workers/haproxy-manager/exposure.h"

#include "workers/haproxy-manager/label_grammar.h"
#include "workers/haproxy-manager/service_builder.h"
#include "workers/haproxy-manager/virtual_host_claims.h"

#include <algorithm>
#include <unordered_map>

namespace mmsd::haproxy {

namespace {

class Exposer {
public:
    Exposer(const ExposureRules& rules, const Claims& claims) : rules_{rules}, claims_{claims} {}

    Model expose(const protocol::Snapshot& snapshot) {
        worker::PortExposure exposure = worker::exposePorts(
            snapshot, {worker::Transport::Tcp, rules_.groups, rules_.ownPorts}, claims_.ports);
        model_.refusals = std::move(exposure.refusals);
        std::vector<Named> services;
        for (const auto& [number, port] : exposure.ports) {
            if (isSafeAppId(port.app->id))
                services.push_back(
                    {proxyName(port.app->id, port.portIndex),
                     buildService(*port.app, port.portIndex, rules_.hasChecks, model_.refusals)});
            else
                model_.refusals.push_back({port.app->id, port.portIndex,
                                           "app id holds a character that no app id can have",
                                           protocol::RefusalRule::InvalidValue});
        }
        std::ranges::sort(services, {}, &Named::proxy);
        model_.services.reserve(services.size());
        for (Named& named : services)
            model_.services.push_back(std::move(named.service));
        if (rules_.hasGateway)
            addVirtualHosts(snapshot);
        return std::move(model_);
    }

private:
    struct Named {
        std::string proxy;
        Service service;
    };

    void addVirtualHosts(const protocol::Snapshot& snapshot) {
        std::unordered_map<std::string_view, std::vector<const Service*>> byApp;
        for (const Service& service : model_.services)
            byApp[service.appId].push_back(&service);
        VirtualHostClaims http{VirtualHostClaims::Kind::Http, model_.refusals};
        VirtualHostClaims tls{VirtualHostClaims::Kind::Tls, model_.refusals};
        for (const auto& app : snapshot.apps)
            if (const auto found = byApp.find(app->id); found != byApp.end()) {
                std::ranges::sort(found->second, {}, &Service::portIndex);
                http.add(*app, found->second);
                tls.add(*app, found->second);
            }
        model_.http = http.settle(claims_.http);
        model_.tls = tls.settle(claims_.tls);
    }

    const ExposureRules& rules_;
    const Claims& claims_;
    Model model_;
};

} // namespace

Model expose(const protocol::Snapshot& snapshot, const ExposureRules& rules, const Claims& claims) {
    return Exposer{rules, claims}.expose(snapshot);
}

} // namespace mmsd::haproxy
