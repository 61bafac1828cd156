// SPDX-License-Identifier: MIT
// Strict grammars for what comes from labels and Marathon: what does not match is refused, never
// escaped. Pure.
#pragma once

#include "workers/haproxy-manager/service.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::haproxy {

/** `proto`: unknown words are tcp. Source: CONTRACT section 3. */
[[nodiscard]] AppProtocol parseProtocol(std::string_view text) noexcept;

/** "1" or "true", "0", "false" or ""; nothing else. */
[[nodiscard]] std::optional<bool> parseSwitch(std::string_view text) noexcept;
[[nodiscard]] std::optional<Balance> parseBalance(std::string_view text) noexcept;
[[nodiscard]] std::optional<ConnectionMode> parseConnectionMode(std::string_view text) noexcept;
[[nodiscard]] std::optional<ProxyProtocol> parseProxyProtocol(std::string_view text) noexcept;

/** One virtual host in lower case, without port and final dot; ".b.c" for "*.b.c".
 *  Letters, digits, '-' and '_' in 1 to 63 octets per part, 253 in all (RFC 1035 §2.3.4). */
[[nodiscard]] std::optional<std::string> parseVirtualHost(std::string_view text);

/** True for an absolute path, with or without a query, of characters that mean nothing to HAProxy:
 *  RFC 3986 §3.3 without '%', '$', and quotes. */
[[nodiscard]] bool isSafePath(std::string_view path) noexcept;

/** True if the id can stand in a comment and a proxy name: printable ASCII, no quotes, no
 *  characters that mean something to HAProxy. */
[[nodiscard]] bool isSafeAppId(std::string_view id) noexcept;

} // namespace mmsd::haproxy
