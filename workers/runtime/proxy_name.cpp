// SPDX-License-Identifier: MIT
// What an app port is called in HAProxy. Pure.
#include "workers/runtime/proxy_name.h"

#include <algorithm>

namespace mmsd::worker {

namespace {

bool isAlphanumeric(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool isPlain(char c) noexcept {
    return isAlphanumeric(c) || c == '-' || c == '.';
}

} // namespace

std::string proxyName(std::string_view appId, std::uint16_t portIndex) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string name;
    name.reserve(appId.size() + 6);
    if (appId.starts_with('/'))
        appId.remove_prefix(1);
    for (const char c : appId) {
        if (isPlain(c)) {
            name += c;
        } else if (c == '/') {
            name += '_'; // Marathon's ids have no underscore
        } else {
            const auto octet = static_cast<unsigned char>(c);
            name += {':', kDigits[octet >> 4], kDigits[octet & 15]};
        }
    }
    return name + '_' + std::to_string(portIndex);
}

bool isSafeAppId(std::string_view id) noexcept {
    static constexpr std::string_view kOthers = "/-._~+@:";
    return id.size() > 1 && id.starts_with('/') && std::ranges::all_of(id, [](char c) {
               return isAlphanumeric(c) || kOthers.find(c) != std::string_view::npos;
           });
}

} // namespace mmsd::worker
