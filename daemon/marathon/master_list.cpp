// SPDX-License-Identifier: MIT
// MasterList: the Marathon masters that were configured, and which of them is used.
#include "daemon/marathon/master_list.h"

#include "common/text.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

bool isUnreserved(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/** "host", "host:port", "[::1]:port"; a bare IPv6 address, too, where @p allowsBareV6. */
std::optional<Origin> parseAuthority(std::string_view text, std::uint16_t defaultPort,
                                     bool allowsBareV6) {
    Origin origin{.isTls = false, .host = {}, .port = defaultPort};
    std::string_view port;
    if (const auto bare = IpAddress::parse(text); allowsBareV6 && bare && bare->isV6()) {
        origin.host = bare->toString();
        return origin;
    }
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        const auto address = IpAddress::parse(text.substr(1, end == text.npos ? 0 : end - 1));
        if (!address || !address->isV6())
            return std::nullopt;
        origin.host = address->toString();
        port = text.substr(end + 1);
    } else {
        const std::size_t end = std::min(text.find(':'), text.size());
        origin.host = toLower(text.substr(0, end));
        port = text.substr(end);
        if (origin.host.empty() || origin.host.size() > 255 ||
            !std::ranges::all_of(origin.host, isUnreserved))
            return std::nullopt;
    }
    if (!port.empty()) {
        const auto number = parseNumber<std::uint16_t>(port.substr(1));
        if (port.front() != ':' || number.value_or(0) == 0)
            return std::nullopt;
        origin.port = *number;
    }
    return origin;
}

} // namespace

std::string Origin::toString() const {
    return (isTls ? "https://" : "http://") + formatHostPort(host, port);
}

std::optional<Url> parseUrl(std::string_view text) {
    const bool isPlain = equalsIgnoringCase(text.substr(0, 7), "http://");
    const bool isTls = equalsIgnoringCase(text.substr(0, 8), "https://");
    const bool isSound = std::ranges::all_of(
        text, [](char c) { return c > ' ' && c < '\x7f' && c != '#' && c != '\\'; });
    if (!isSound || (!isPlain && !isTls))
        return std::nullopt;
    text.remove_prefix(isTls ? 8 : 7);
    const std::size_t end = std::min(text.find_first_of("/?"), text.size());
    auto origin = parseAuthority(text.substr(0, end), isTls ? 443 : 80, false);
    if (!origin)
        return std::nullopt;
    origin->isTls = isTls;
    std::string path{text.substr(end)};
    if (path.starts_with('?'))
        path.insert(0, "/");
    return Url{*std::move(origin), std::move(path)};
}

std::string encodeAppPath(std::string_view id) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string path;
    for (const char c : id) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '/' || isUnreserved(c))
            path += c;
        else
            path.append({'%', kHex[octet >> 4], kHex[octet & 0xf]});
    }
    return path.starts_with('/') ? path : '/' + path;
}

std::vector<Url> configuredMasters(const protocol::Settings& settings) {
    std::vector<Url> masters;
    for (const std::string& text : settings.list("marathon-url")) {
        auto url = parseUrl(text);
        if (!url || url->path.find('?') != std::string::npos)
            throw protocol::UsageError{"marathon-url: \"" + escapeText(text) +
                                       "\" is not a URL like https://HOST:PORT/PREFIX"};
        while (url->path.ends_with('/'))
            url->path.pop_back();
        masters.push_back(*std::move(url));
    }
    if (!masters.empty())
        return masters;
    for (const std::string& text : settings.list("marathon-ip")) {
        auto origin = parseAuthority(text, settings.port("marathon-port"), true);
        if (!origin)
            throw protocol::UsageError{"marathon-ip: \"" + escapeText(text) +
                                       "\" is not HOST or HOST:PORT"};
        masters.push_back({*std::move(origin), ""});
    }
    if (masters.empty())
        throw protocol::UsageError{"marathon-ip: no master is given"};
    return masters;
}

bool MasterList::isConfigured(const Origin& origin) const noexcept {
    return std::ranges::any_of(masters_, [&](const Url& url) { return url.origin == origin; });
}

} // namespace mmsd::marathon
