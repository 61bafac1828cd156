// SPDX-License-Identifier: MIT
// Names of the zone in wire form, and how app ids, tasks and addresses become such names. Pure.
#include "workers/runtime/dns_name.h"

#include "common/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace mmsd::dns {

namespace {

bool isNameOctet(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/** Labels between dots, in their order. */
std::optional<WireName> parseLabels(std::string_view text) {
    WireName name;
    while (true) {
        const std::size_t dot = text.find('.');
        const auto label = parseLabel(text.substr(0, dot));
        if (!label)
            return std::nullopt;
        name += *label;
        if (dot == std::string_view::npos)
            return name;
        text.remove_prefix(dot + 1);
    }
}

} // namespace

std::optional<WireName> parseLabel(std::string_view text) {
    if (text.empty() || text.size() > kMaxLabelSize ||
        !std::all_of(text.begin(), text.end(), isNameOctet))
        return std::nullopt;
    return static_cast<char>(text.size()) + toLower(text);
}

std::optional<WireName> parseName(std::string_view text) {
    if (text == ".")
        return WireName{};
    if (text.ends_with('.'))
        text.remove_suffix(1);
    auto name = parseLabels(text);
    if (name && name->size() + 1 > kMaxNameSize)
        return std::nullopt;
    return name;
}

std::optional<WireName> nameOfApp(std::string_view appId, std::size_t baseSize,
                                  std::string& reason) {
    WireName name;
    while (!appId.empty()) {
        const std::size_t slash = appId.rfind('/');
        const std::string_view segment =
            slash == std::string_view::npos ? appId : appId.substr(slash + 1);
        appId = appId.substr(0, slash == std::string_view::npos ? 0 : slash);
        if (segment.empty() && appId.empty() && !name.empty())
            break;
        const auto labels = parseLabels(segment);
        if (!labels) {
            reason = fmt::format("\"{}\" is no DNS label: 1 to 63 letters, digits, '-', '_'",
                                 escapeText(segment, 80));
            return std::nullopt;
        }
        name += *labels;
    }
    if (name.empty()) {
        reason = "the app id names no DNS label";
        return std::nullopt;
    }
    if (name.size() + baseSize + 1 + kRoomBelowApp > kMaxNameSize) {
        reason = fmt::format("its DNS name is too long: {} octets of at most {}", name.size(),
                             kMaxNameSize - kRoomBelowApp - 1 - baseSize);
        return std::nullopt;
    }
    return name;
}

std::uint64_t instanceHash(std::string_view taskId) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : taskId) {
        hash ^= static_cast<std::uint8_t>(c);
        hash *= 0x100000001b3u;
    }
    return (hash >> 40 ^ hash) & 0xff'ffff'ffff;
}

WireName instanceLabel(std::uint64_t hash) {
    constexpr std::string_view kDigits = "abcdefghijklmnopqrstuvwxyz234567";
    WireName label = "\x09i";
    for (int shift = 35; shift >= 0; shift -= 5)
        label += kDigits[hash >> shift & 31];
    return label;
}

WireName reverseName(const IpAddress& address) {
    WireName name;
    for (std::size_t i = address.size(); i-- > 0;) {
        const unsigned octet = address.data()[i];
        if (address.isV6()) {
            constexpr std::string_view kHex = "0123456789abcdef";
            name += '\1';
            name += kHex[octet & 15];
            name += '\1';
            name += kHex[octet >> 4];
        } else {
            const std::string digits = std::to_string(octet);
            name += static_cast<char>(digits.size());
            name += digits;
        }
    }
    name += address.isV6() ? "\3ip6\4arpa" : "\7in-addr\4arpa";
    return name;
}

std::string toText(std::string_view name) {
    std::string text;
    for (const std::string_view label : splitLabels(name)) {
        if (!text.empty())
            text += '.';
        for (const char c : label.substr(1)) {
            if (isNameOctet(c))
                text += c;
            else
                text +=
                    fmt::format("\\{:03}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
    }
    return text;
}

std::vector<std::string_view> splitLabels(std::string_view name) {
    std::vector<std::string_view> labels;
    while (!name.empty()) {
        const std::size_t size = 1u + static_cast<std::uint8_t>(name.front());
        labels.push_back(name.substr(0, size));
        name.remove_prefix(std::min(size, name.size()));
    }
    return labels;
}

} // namespace mmsd::dns
