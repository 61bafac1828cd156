// SPDX-License-Identifier: MIT
// Which service answers for which host name of the gateway. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/exposure.h"

#include <map>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Collects the virtual host labels of all apps for one of the two gateway ports, then settles who
 *  gets what. */
class VirtualHostClaims {
public:
    enum class Kind : std::uint8_t { Http, Tls };

    VirtualHostClaims(Kind kind, std::vector<protocol::Refusal>& refusals)
        : kind_{kind}, refusals_{refusals} {}

    /** Takes the labels of one app.
     *  @param services its exposed ports, by index */
    void add(const protocol::App& app, const std::vector<const Service*>& services);

    /** @param held what is in force: holders stay */
    [[nodiscard]] VirtualHosts settle(const VirtualHosts& held);

private:
    /** A wish for one name ("*" = the default). */
    struct Claim {
        const protocol::App* app;
        const Service* service;
        std::string proxy;
    };
    void addHosts(const protocol::App& app, const Service& service, std::string_view labelName,
                  const std::string& hosts);
    void addDefault(const protocol::App& app, const std::vector<const Service*>& services);
    void claimDefault(const protocol::App& app, const Service& service, std::string_view labelName,
                      const std::string& value);
    [[nodiscard]] bool fits(const Service& service) const noexcept;
    /** The port is served all the same, without that name. */
    void refuse(const protocol::App& app, std::uint16_t index, std::string reason,
                protocol::RefusalRule rule = protocol::RefusalRule::InvalidValue);
    [[nodiscard]] const Claim& winner(const std::vector<Claim>& claims, const std::string* holder,
                                      const std::string& host);

    Kind kind_;
    std::vector<protocol::Refusal>& refusals_;
    std::map<std::string, std::vector<Claim>> claims_;
};

} // namespace mmsd::haproxy
