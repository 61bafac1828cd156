// SPDX-License-Identifier: MIT
// What the installed HAProxy can do, as plain values.
#include "workers/haproxy-manager/haproxy_features.h"

#include "common/text.h"

namespace mmsd::haproxy {

std::optional<HaproxyFeatures> parseFeatures(std::string_view text) {
    // "HA-Proxy version" up to 2.3, "HAProxy version" since.
    constexpr std::string_view kWord = "Proxy version ";
    const std::size_t start = text.find(kWord);
    if (start == std::string_view::npos || start > 4)
        return std::nullopt;
    std::string_view version = text.substr(start + kWord.size());
    version = version.substr(0, version.find_first_of(" \n"));
    const std::size_t dot = version.find('.');
    if (dot == std::string_view::npos)
        return std::nullopt;
    const std::string_view rest = version.substr(dot + 1);
    const auto major = parseNumber<unsigned>(version.substr(0, dot));
    const auto minor = parseNumber<unsigned>(rest.substr(0, rest.find_first_not_of("0123456789")));
    if (!major || !minor)
        return std::nullopt;
    HaproxyFeatures features;
    features.version = {*major, *minor};
    features.versionText = version;
    features.hasPrometheus = text.find("prometheus-exporter") != std::string_view::npos;
    return features;
}

} // namespace mmsd::haproxy
