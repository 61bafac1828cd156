// SPDX-License-Identifier: MIT
// Percent-encoding and query strings. Pure.
#include "workers/api-server/url.h"

#include <algorithm>

namespace mmsd::api {

namespace {

/** 0…15, or -1. */
constexpr int hexValue(char c) noexcept {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

} // namespace

std::optional<std::string> percentDecode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? hexValue(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hexValue(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            return std::nullopt;
        out += c;
    }
    return out;
}

std::optional<Query> parseQuery(std::string_view query) {
    Query parameters;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(part.size() + 1, query.size()));
        if (part.empty())
            continue;
        const std::size_t equals = part.find('=');
        auto name = percentDecode(part.substr(0, equals));
        auto value = percentDecode(equals == std::string_view::npos ? std::string_view{}
                                                                    : part.substr(equals + 1));
        if (!name || !value)
            return std::nullopt;
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

} // namespace mmsd::api
