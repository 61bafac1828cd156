// SPDX-License-Identifier: MIT
// What HAProxy shall serve, as plain checked values: nothing here needs quoting any more.
#include "workers/haproxy-manager/service.h"

namespace mmsd::haproxy {

namespace {

bool isPlain(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
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

} // namespace mmsd::haproxy
