// SPDX-License-Identifier: MIT
// Percent-encoding and query strings. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::api {

/** Decodes %XX (RFC 3986 §2.1). Nothing if an escape is malformed or yields a control character. */
[[nodiscard]] std::optional<std::string> percentDecode(std::string_view text);

/** Decoded names and values in their order; a name without '=' has the value "". */
using Query = std::vector<std::pair<std::string, std::string>>;

/** Splits "a=1&b"; '+' stays a plus sign, as URIs have it. Nothing if percentDecode() refuses a
 *  part. */
[[nodiscard]] std::optional<Query> parseQuery(std::string_view query);

} // namespace mmsd::api
