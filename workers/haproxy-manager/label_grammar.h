// SPDX-License-Identifier: MIT
// Strict grammars for what comes from labels and Marathon: what does not match is refused, never
// escaped. Pure.
#pragma once

#include "workers/haproxy-manager/service.h"
#include "workers/runtime/virtual_hosts.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::haproxy {

using worker::isSafeAppId;
using worker::parseProtocol;
using worker::parseVirtualHost;

/** "1" or "true", "0", "false" or ""; nothing else. */
[[nodiscard]] std::optional<bool> parseSwitch(std::string_view text) noexcept;
[[nodiscard]] std::optional<Balance> parseBalance(std::string_view text) noexcept;
[[nodiscard]] std::optional<ConnectionMode> parseConnectionMode(std::string_view text) noexcept;
[[nodiscard]] std::optional<ProxyProtocol> parseProxyProtocol(std::string_view text) noexcept;

/** True for an absolute path, with or without a query, of characters that mean nothing to HAProxy:
 *  RFC 3986 §3.3 without '%', '$', and quotes. */
[[nodiscard]] bool isSafePath(std::string_view path) noexcept;

} // namespace mmsd::haproxy
