// SPDX-License-Identifier: MIT
// Percent-encoding. Pure.
#include "common/percent_encoding.h"

namespace mmsd {

std::string percentEncodePath(std::string_view text) {
    constexpr std::string_view kPlain = "/-._~!$&'()*+,;=:@";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        const bool isAlphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (isAlphanumeric || kPlain.find(c) != std::string_view::npos)
            out += c;
        else
            out += {'%', kDigits[octet >> 4], kDigits[octet & 15]};
    }
    return out;
}

} // namespace mmsd
