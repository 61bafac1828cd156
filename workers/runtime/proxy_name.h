// SPDX-License-Identifier: MIT
// What an app port is called in HAProxy. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mmsd::worker {

inline constexpr std::string_view kFrontendPrefix = "f_";
inline constexpr std::string_view kBackendPrefix = "b_";

/** The name of an app port in HAProxy's proxies: "/a/b" and 0 make "a_b_0". Injective: what is
 *  neither letter, digit, '-', '.' nor '/' becomes ":XX". */
[[nodiscard]] std::string proxyName(std::string_view appId, std::uint16_t portIndex);

/** True if the id can stand in a comment and a proxy name: printable ASCII, no quotes, no
 *  characters that mean something to HAProxy. */
[[nodiscard]] bool isSafeAppId(std::string_view id) noexcept;

} // namespace mmsd::worker
