// SPDX-License-Identifier: MIT
// Percent-encoding of what stands in URLs.
#pragma once

#include <string>
#include <string_view>

namespace mmsd {

/** Encodes what may not stand in a path (RFC 3986 §3.3); slashes stay. */
[[nodiscard]] std::string percentEncodePath(std::string_view text);

} // namespace mmsd
