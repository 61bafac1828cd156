// SPDX-License-Identifier: MIT
// VirtualHostClaims: which service answers for which host name of the gateway, kept up to date app
// by app. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/service.h"
#include "workers/runtime/refusal_book.h"
#include "workers/runtime/virtual_hosts.h"

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace mmsd::haproxy {

/** The virtual host labels of all apps for one of the two gateway ports, and who gets what. A
 *  change costs what it touches, and the order of changes makes no difference. */
class VirtualHostClaims {
public:
    using Kind = worker::GatewayKind;

    explicit VirtualHostClaims(Kind kind) : kind_{kind} {}

    /** Takes the labels of one app instead of those it had.
     *  @param app borrowed until it is replaced or withdrawn
     *  @param ports its exposed ports, by index */
    void set(const protocol::App& app, std::span<const worker::GatewayPort> ports);
    /** The app is gone, or nothing of it is exposed. */
    void withdraw(const std::string& appId);

    /** Says what is in force: holders stay. */
    void hold(VirtualHosts held);

    /** Settles what was touched since the last call. @return whether hosts() changed */
    bool settle();
    [[nodiscard]] const VirtualHosts& hosts() const noexcept { return hosts_; }

    /** Labels that are not used, by app. */
    [[nodiscard]] const worker::RefusalBook<std::string>& mistakes() const noexcept {
        return mistakes_;
    }
    /** Names that somebody else has, by name. */
    [[nodiscard]] const worker::RefusalBook<std::string>& conflicts() const noexcept {
        return conflicts_;
    }

private:
    /** A wish for one name. */
    struct Claim {
        const protocol::App* app;
        std::uint16_t portIndex;
        std::string proxy;
    };
    void forgetWishes(const std::string& appId);
    void touchDifferent(const std::map<std::string, std::string>& before,
                        const std::map<std::string, std::string>& after);
    [[nodiscard]] const Claim& winner(std::vector<Claim>& claims, const std::string& host);
    bool give(const std::string& host, const std::string* proxy);

    Kind kind_;
    VirtualHosts held_;
    VirtualHosts hosts_;
    std::map<std::string, std::vector<Claim>> claims_;
    std::unordered_map<std::string, std::vector<std::string>> wishes_; ///< app id → names
    std::set<std::string> touched_;
    worker::RefusalBook<std::string> mistakes_;
    worker::RefusalBook<std::string> conflicts_;
};

} // namespace mmsd::haproxy
