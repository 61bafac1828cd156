// SPDX-License-Identifier: MIT
// A configuration in pieces: one fragment per app port, so that each can be judged, kept and
// compared alone; to and from haproxy.cfg. Pure.
#pragma once

#include "common/inet_address.h"
#include "workers/haproxy-manager/service.h"
#include "workers/runtime/virtual_hosts.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::haproxy {

/** Frontend and backend of one app port. */
struct Fragment {
    std::string proxy; ///< proxyName(); the frontend is "f_" + it, the backend "b_" + it
    std::string appId;
    std::uint16_t portIndex = 0;
    std::uint16_t servicePort = 0;
    std::string head;    ///< all lines but those of the servers, with the last line end
    std::string options; ///< what stands behind each server's address; no line end
    std::vector<InetEndpoint> servers; ///< sorted, unique

    [[nodiscard]] std::string backend() const { return "b_" + proxy; }
    /** What HAProxy could object to: the servers are numbers of ours. */
    [[nodiscard]] std::uint64_t hash() const noexcept;
    bool operator==(const Fragment&) const = default;
};
using FragmentPtr = std::shared_ptr<const Fragment>;

/** "10.0.0.1:31000", "::1:31000": an address and a name for HAProxy. A name of its own for each
 * place: facts that HAProxy keeps by name (server-state file) can never reach another place. */
[[nodiscard]] std::string serverName(const InetEndpoint& server);

/** The same but for the servers: reachable by runtime commands. */
[[nodiscard]] bool isSameShape(const Fragment& a, const Fragment& b) noexcept;
/** A copy with other servers. */
[[nodiscard]] FragmentPtr withServers(const Fragment& fragment, std::vector<InetEndpoint> servers);

/** Map file name → content. */
using MapFiles = std::map<std::string, std::string, std::less<>>;

/** Names of the map files, in the folder of the configuration. */
using worker::kHttpMap;
using worker::kHttpSuffixMap;
using worker::kTlsMap;
using worker::kTlsSuffixMap;
/** Key of the default in kHttpMap and kTlsMap; no host name can be this. */
inline constexpr std::string_view kEveryHostKey = worker::kEveryHost;

/** A whole configuration. */
struct Config {
    std::string base;                   ///< global, defaults, management page, gateway
    std::vector<FragmentPtr> fragments; ///< sorted by proxy, unique
    MapFiles maps;                      ///< empty without a gateway
    std::string tail;                   ///< the operator's own sections

    /** Null if there is no such fragment. */
    [[nodiscard]] FragmentPtr get(std::string_view proxy) const noexcept;
    [[nodiscard]] const Fragment* find(std::string_view proxy) const noexcept {
        return get(proxy).get();
    }
};

[[nodiscard]] bool operator==(const Config& a, const Config& b) noexcept;

/** haproxy.cfg, and where each fragment stands in it. */
struct RenderedConfig {
    std::string text;
    std::vector<std::size_t> firstLines; ///< of each fragment, 1-based
};

[[nodiscard]] RenderedConfig render(const Config& config);
/** The part of that text with these fragments. */
[[nodiscard]] std::string renderFragments(std::span<const FragmentPtr> fragments);

/** Takes apart what render() made; maps and tail are the caller's. Whatever it does not know
 *  becomes part of a head or of the base, and so differs from any wanted text. */
[[nodiscard]] Config parseConfig(std::string_view text);

/** Who has which host names of one of the gateway's ports. */
[[nodiscard]] VirtualHosts hostsIn(const MapFiles& maps, worker::GatewayKind kind);

/** Calls visit(before, after) with each fragment that is another object in @p after, by proxy;
 *  null: it is not there. Both are sorted by proxy. What is the same costs one comparison. */
template <typename Visit>
void forEachDifference(const std::vector<FragmentPtr>& before,
                       const std::vector<FragmentPtr>& after, Visit visit) {
    auto left = before.begin();
    auto right = after.begin();
    while (left != before.end() || right != after.end()) {
        const bool areBoth = left != before.end() && right != after.end();
        if (areBoth && *left == *right) {
            ++left;
            ++right;
            continue;
        }
        const int order =
            !areBoth ? (left != before.end() ? -1 : 1) : (*left)->proxy.compare((*right)->proxy);
        visit(order <= 0 ? left->get() : nullptr, order >= 0 ? right->get() : nullptr);
        left += order <= 0 ? 1 : 0;
        right += order >= 0 ? 1 : 0;
    }
}

/** The lines of a map file whose proxy @p isUsable, and those that @p held has already. */
[[nodiscard]] std::string keepUsableLines(std::string_view map, std::string_view held,
                                          const std::function<bool(std::string_view)>& isUsable);

} // namespace mmsd::haproxy
