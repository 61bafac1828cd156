// SPDX-License-Identifier: MIT
// What the installed HAProxy can do, as plain values.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::haproxy {

struct HaproxyVersion {
    unsigned major = 0;
    unsigned minor = 0;
    auto operator<=>(const HaproxyVersion&) const noexcept = default;
};

/** The first version with named defaults sections and map transactions. */
inline constexpr HaproxyVersion kOldestVersion{2, 4};

struct HaproxyFeatures {
    HaproxyVersion version;
    std::string versionText; ///< "2.6.12-1+deb12u4"
    bool hasIdleCloseOnResponse = false;
    bool hasPrometheus = false;

    /** `add server` with checks and without experimental-mode. */
    [[nodiscard]] bool hasDynamicServers() const noexcept {
        return version >= HaproxyVersion{2, 6};
    }
    bool operator==(const HaproxyFeatures&) const = default;
};

/** Reads what `haproxy -vv` prints; idle-close-on-response has to be tried.
 *  @return nothing if it is no HAProxy's answer */
[[nodiscard]] std::optional<HaproxyFeatures> parseFeatures(std::string_view text);

} // namespace mmsd::haproxy
