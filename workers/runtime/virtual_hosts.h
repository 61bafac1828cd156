// SPDX-License-Identifier: MIT
// Which names of the gateway an app asks for by its labels. Pure.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/state.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::worker {

/** The two ports of the gateway: by Host, and by SNI. */
enum class GatewayKind : std::uint8_t { Http, Tls };

/** The default: what no name claims. */
inline constexpr std::string_view kEveryHost = "*";

/** Names of HAProxy's map files, in the folder of its configuration. */
inline constexpr std::string_view kHttpMap = "http.map";
inline constexpr std::string_view kHttpSuffixMap = "http-suffix.map";
inline constexpr std::string_view kTlsMap = "tls.map";
inline constexpr std::string_view kTlsSuffixMap = "tls-suffix.map";

/** The map that a name stands in, as it is. @param host as in HostWish */
[[nodiscard]] std::string_view hostMap(GatewayKind kind, std::string_view host) noexcept;

/** An exposed port of the app, as far as the gateway cares. */
struct GatewayPort {
    std::uint16_t index = 0;
    bool isHttp = false;
};

/** A wish for one name. */
struct HostWish {
    std::string host; ///< "a.example.org", ".example.org" for "*.example.org", or kEveryHost
    std::uint16_t portIndex = 0;
};

struct HostWishes {
    std::vector<HostWish> wishes;
    /** Labels that are not used; the ports are served all the same. */
    std::vector<protocol::Refusal> refusals;
};

/** One virtual host in lower case, without port and final dot; ".b.c" for "*.b.c".
 *  Letters, digits, '-' and '_' in 1 to 63 octets per part, 253 in all (RFC 1035 §2.3.4). */
[[nodiscard]] std::optional<std::string> parseVirtualHost(std::string_view text);

/** Reads the app's labels and those of its ports: lb-vhost, lb-vhost-default and their -ssl
 *  forms. Source: CONTRACT section 3.
 *  @param ports the app's exposed ports, by index */
[[nodiscard]] HostWishes readHostWishes(GatewayKind kind, const protocol::App& app,
                                        std::span<const GatewayPort> ports);

/** Why a name is not had: 'label lb-vhost="x": taken'; who has it follows behind " by ". */
[[nodiscard]] std::string hostTakenReason(GatewayKind kind, std::string_view host);

} // namespace mmsd::worker
