// SPDX-License-Identifier: MIT
// Exposure: which app ports HAProxy serves, and why not the others, kept up to date by what
// changes. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/config_text.h"
#include "workers/haproxy-manager/service.h"
#include "workers/haproxy-manager/virtual_host_claims.h"
#include "workers/runtime/port_claims.h"
#include "workers/runtime/refusal_book.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** What the settings say about exposing. */
struct ExposureRules {
    std::vector<std::string> groups{"*"};          ///< values of lb-group; "*" = all
    std::map<std::uint16_t, std::string> ownPorts; ///< ports that mmsd uses itself → what for
    bool hasChecks = true;                         ///< --enable-health-checks
    bool hasGateway = false;                       ///< --enable-gateway
};

using ServicePtr = std::shared_ptr<const Service>;

/** A service that came (before is null), went (after is null), or is not what it was. */
struct ServiceChange {
    ServicePtr before;
    ServicePtr after;
};

/** Follows two things: the cluster's state, and the configuration in force, whose app ports keep
 *  their service ports and names. With nothing in force the older app version wins, then the
 *  smaller id. Whatever way led to a state and a configuration, the result is the same.
 *  Source: CONTRACT sections 2 and 3. */
class Exposure {
public:
    explicit Exposure(ExposureRules rules);

    /** Takes a state and what is in force; costs what differs from the last call, beside
     *  comparisons of pointers.
     *  @return what became of the services, in no order that matters */
    std::vector<ServiceChange> update(std::shared_ptr<const protocol::Snapshot> snapshot,
                                      const Config& running);

    /** By service port. */
    [[nodiscard]] const std::map<std::uint16_t, ServicePtr>& services() const noexcept {
        return services_;
    }
    [[nodiscard]] const VirtualHosts& hosts(worker::GatewayKind kind) const noexcept {
        return kind == worker::GatewayKind::Http ? http_.hosts() : tls_.hosts();
    }
    /** Whether the last update() changed hosts(). */
    [[nodiscard]] bool haveHostsChanged() const noexcept { return haveHostsChanged_; }
    /** True if what is in force has the service port, whoever it is. */
    [[nodiscard]] bool isHeld(std::uint16_t port) const { return ports_.isHeld(port); }

    [[nodiscard]] const std::vector<protocol::Refusal>& refusals() const noexcept {
        return refusals_;
    }

private:
    void hold(const Config& running);
    void rebuild(std::uint16_t port, std::vector<ServiceChange>& changes);
    void askForHosts(const std::string& appId);
    void collectRefusals();

    ExposureRules rules_;
    std::shared_ptr<const protocol::Snapshot> snapshot_; ///< keeps alive what the claims borrow
    std::vector<FragmentPtr> held_;
    MapFiles heldMaps_;
    worker::PortClaims ports_;
    VirtualHostClaims http_{worker::GatewayKind::Http};
    VirtualHostClaims tls_{worker::GatewayKind::Tls};
    std::map<std::uint16_t, ServicePtr> services_;
    worker::RefusalBook<std::uint16_t> mistakes_; ///< of services, by service port
    std::set<std::string> touchedApps_;
    bool haveHostsChanged_ = false;
    std::vector<protocol::Refusal> refusals_;
    std::uint64_t refusalChanges_ = 0; ///< of all books, when refusals_ was made
};

} // namespace mmsd::haproxy
