// SPDX-License-Identifier: MIT
// The plain way from a state to a configuration, for comparison: all of it, from nothing.
#include "tests/unit/haproxy/plain_model.h"

#include "workers/haproxy-manager/service_builder.h"
#include "workers/runtime/app_precedence.h"

#include <algorithm>
#include <optional>

namespace mmsd::haproxy::test {

namespace {

using worker::ExposedPort;
using worker::GatewayKind;

/** The holder, then the older app, then the smaller id and index. */
bool goesFirst(const ExposedPort& a, const ExposedPort& b, const std::string& holder) {
    const bool isHeldByA = proxyName(a.app->id, a.portIndex) == holder;
    const bool isHeldByB = proxyName(b.app->id, b.portIndex) == holder;
    if (isHeldByA != isHeldByB)
        return isHeldByA;
    return a.app != b.app ? worker::precedes(*a.app, *b.app) : a.portIndex < b.portIndex;
}

ExposedPort bestOf(const std::vector<ExposedPort>& claims, const std::string& holder) {
    return *std::ranges::min_element(
        claims, [&holder](const auto& a, const auto& b) { return goesFirst(a, b, holder); });
}

class Plain {
public:
    Plain(const protocol::Snapshot& snapshot, const ExposureRules& rules, const Claims& claims)
        : snapshot_{snapshot}, rules_{rules}, claims_{claims} {}

    PlainResult make(const ConfigOptions& options, bool areChecksOn) {
        exposePorts();
        std::vector<Service*> sorted;
        for (auto& [port, service] : services_)
            sorted.push_back(&service);
        std::ranges::sort(sorted, {}, [](const Service* service) {
            return proxyName(service->appId, service->portIndex);
        });
        result_.demand.listeners = services_.size() + 4;
        for (Service* const service : sorted) {
            if (service->check)
                result_.demand.checkedServers += service->servers.size();
            if (!service->draining.empty())
                result_.draining["b_" + proxyName(service->appId, service->portIndex)] = {
                    service->draining.begin(), service->draining.end()};
            if (!areChecksOn)
                service->check.reset();
            result_.config.fragments.push_back(makeFragment(*service, options.bindIp));
        }
        FdDemand demand = result_.demand;
        if (!areChecksOn)
            demand.checkedServers = 0;
        result_.config.base = makeBase(options, connectionLimit(options.hardFdLimit, demand));
        if (rules_.hasGateway)
            result_.config.maps = makeMaps(hostsOf(GatewayKind::Http, claims_.http),
                                           hostsOf(GatewayKind::Tls, claims_.tls));
        return std::move(result_);
    }

private:
    void refuse(const ExposedPort& port, std::string reason, protocol::RefusalRule rule,
                bool isPartial = false) {
        result_.refusals.push_back(
            {port.app->id, port.portIndex, std::move(reason), rule, isPartial});
    }

    void exposePorts() {
        const worker::PortRules rules{worker::Transport::Tcp, rules_.groups, rules_.ownPorts};
        std::map<std::uint16_t, std::vector<ExposedPort>> claims;
        for (const auto& app : snapshot_.apps)
            for (std::size_t i = 0; i < app->ports.size(); ++i) {
                const protocol::Port& port = app->ports[i];
                const ExposedPort claim{app.get(), static_cast<std::uint16_t>(i)};
                if (!port.isTcp || !worker::isInGroups(*app, port, rules.groups))
                    continue;
                if (auto objection = objectionTo(*app, port, rules))
                    refuse(claim, objection->reason, *objection->rule);
                else
                    claims[port.servicePort].push_back(claim);
            }
        for (const auto& [number, claimants] : claims) {
            const auto held = claims_.ports.find(number);
            const ExposedPort best =
                bestOf(claimants, held != claims_.ports.end()
                                      ? proxyName(held->second.appId, held->second.portIndex)
                                      : "");
            for (const ExposedPort& claim : claimants)
                if (claim.app != best.app || claim.portIndex != best.portIndex)
                    refuse(claim,
                           "service port " + std::to_string(number) + " taken by " + best.app->id +
                               " port index " + std::to_string(best.portIndex),
                           protocol::RefusalRule::Conflict);
            if (worker::isSafeAppId(best.app->id))
                services_.emplace(number, buildService(*best.app, best.portIndex, rules_.hasChecks,
                                                       result_.refusals));
            else
                refuse(best, "app id holds a character that no app id can have",
                       protocol::RefusalRule::InvalidValue);
        }
    }

    [[nodiscard]] std::vector<worker::GatewayPort> exposedPorts(const protocol::App& app) const {
        std::vector<worker::GatewayPort> ports;
        for (const auto& [number, service] : services_)
            if (service.appId == app.id)
                ports.push_back({service.portIndex, service.isHttp()});
        std::ranges::sort(ports, {}, &worker::GatewayPort::index);
        return ports;
    }

    VirtualHosts hostsOf(GatewayKind kind, const VirtualHosts& held) {
        std::map<std::string, std::vector<ExposedPort>> claims;
        for (const auto& app : snapshot_.apps) {
            const auto ports = exposedPorts(*app);
            if (ports.empty())
                continue;
            const auto read = worker::readHostWishes(kind, *app, ports);
            for (const auto& wish : read.wishes)
                claims[wish.host].push_back({app.get(), wish.portIndex});
            for (const auto& refusal : read.refusals)
                result_.refusals.push_back(refusal);
        }
        std::map<std::string, std::string> holders = held.exact;
        holders.insert(held.suffixes.begin(), held.suffixes.end());
        if (held.fallback)
            holders["*"] = *held.fallback;
        VirtualHosts hosts;
        for (const auto& [host, claimants] : claims) {
            const ExposedPort best = bestOf(claimants, holders[host]);
            for (const ExposedPort& claim : claimants)
                if (claim.app != best.app || claim.portIndex != best.portIndex)
                    refuse(claim,
                           worker::hostTakenReason(kind, host) + " by " + best.app->id +
                               " port index " + std::to_string(best.portIndex),
                           protocol::RefusalRule::Conflict, true);
            const std::string proxy = proxyName(best.app->id, best.portIndex);
            if (host == "*")
                hosts.fallback = proxy;
            else
                (host.starts_with('.') ? hosts.suffixes : hosts.exact)[host] = proxy;
        }
        return hosts;
    }

    const protocol::Snapshot& snapshot_;
    const ExposureRules& rules_;
    const Claims& claims_;
    std::map<std::uint16_t, Service> services_;
    PlainResult result_;
};

} // namespace

PlainResult plainResult(const protocol::Snapshot& snapshot, const ExposureRules& rules,
                        const Claims& claims, const ConfigOptions& options, bool areChecksOn) {
    return Plain{snapshot, rules, claims}.make(options, areChecksOn);
}

} // namespace mmsd::haproxy::test
