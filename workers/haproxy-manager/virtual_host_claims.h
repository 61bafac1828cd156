// SPDX-License-Identifier: MIT
// Which service answers for which host name of the gateway. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/exposure.h"
#include "workers/runtime/virtual_hosts.h"

#include <map>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Collects the virtual host labels of all apps for one of the two gateway ports, then settles who
 *  gets what. */
class VirtualHostClaims {
public:
    using Kind = worker::GatewayKind;

    VirtualHostClaims(Kind kind, std::vector<protocol::Refusal>& refusals)
        : kind_{kind}, refusals_{refusals} {}

    /** Takes the labels of one app.
     *  @param services its exposed ports, by index */
    void add(const protocol::App& app, const std::vector<const Service*>& services);

    /** @param held what is in force: holders stay */
    [[nodiscard]] VirtualHosts settle(const VirtualHosts& held);

private:
    /** A wish for one name. */
    struct Claim {
        const protocol::App* app;
        const Service* service;
        std::string proxy;
    };
    [[nodiscard]] const Claim& winner(const std::vector<Claim>& claims, const std::string* holder,
                                      const std::string& host);

    Kind kind_;
    std::vector<protocol::Refusal>& refusals_;
    std::map<std::string, std::vector<Claim>> claims_;
};

} // namespace mmsd::haproxy
