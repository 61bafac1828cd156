// SPDX-License-Identifier: MIT
// Strict grammars for what comes from labels and Marathon: what does not match is refused, never
// escaped. Pure.
#include "workers/haproxy-manager/label_grammar.h"

#include "common/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mmsd::haproxy {

namespace {

template <typename T, std::size_t N>
std::optional<T> lookUp(const std::array<std::pair<std::string_view, T>, N>& words,
                        std::string_view text) noexcept {
    text = trim(text);
    for (const auto& [word, value] : words)
        if (equalsIgnoringCase(word, text))
            return value;
    return std::nullopt;
}

bool isAlphanumeric(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/** All of @p text is letters, digits or one of @p others. */
bool consistsOf(std::string_view text, std::string_view others) noexcept {
    return std::ranges::all_of(text, [others](char c) {
        return isAlphanumeric(c) || others.find(c) != std::string_view::npos;
    });
}

} // namespace

std::optional<bool> parseSwitch(std::string_view text) noexcept {
    static constexpr std::array<std::pair<std::string_view, bool>, 5> kWords{
        {{"1", true}, {"true", true}, {"0", false}, {"false", false}, {"", false}}};
    return lookUp(kWords, text);
}

std::optional<Balance> parseBalance(std::string_view text) noexcept {
    using enum Balance;
    static constexpr std::array<std::pair<std::string_view, Balance>, 4> kWords{{
        {"leastconn", LeastConnections},
        {"roundrobin", RoundRobin},
        {"source", Source},
        {"random", Random},
    }};
    return lookUp(kWords, text);
}

std::optional<ConnectionMode> parseConnectionMode(std::string_view text) noexcept {
    using enum ConnectionMode;
    static constexpr std::array<std::pair<std::string_view, ConnectionMode>, 3> kWords{{
        {"httpclose", Close},
        {"http-server-close", ServerClose},
        {"http-keep-alive", KeepAlive},
    }};
    return lookUp(kWords, text);
}

std::optional<ProxyProtocol> parseProxyProtocol(std::string_view text) noexcept {
    using enum ProxyProtocol;
    static constexpr std::array<std::pair<std::string_view, ProxyProtocol>, 4> kWords{
        {{"1", V1}, {"2", V2}, {"0", None}, {"", None}}};
    return lookUp(kWords, text);
}

bool isSafePath(std::string_view path) noexcept {
    return path.starts_with('/') && path.size() <= 1'024 && consistsOf(path, "/-._~!&()*+,;=:@?");
}

} // namespace mmsd::haproxy
