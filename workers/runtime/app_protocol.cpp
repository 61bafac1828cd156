// SPDX-License-Identifier: MIT
// What an app port speaks, as its label or its health check says. Pure.
#include "workers/runtime/app_protocol.h"

#include "common/text.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mmsd::worker {

namespace {

constexpr std::array<std::pair<std::string_view, AppProtocol>, 6> kWords{{
    {"tcp", AppProtocol::Tcp},
    {"http", AppProtocol::Http},
    {"smtp", AppProtocol::Smtp},
    {"redis", AppProtocol::Redis},
    {"redis-master", AppProtocol::RedisMaster},
    {"redis-slave", AppProtocol::RedisSlave},
}};

} // namespace

std::string_view toString(AppProtocol protocol) noexcept {
    return kWords[static_cast<std::size_t>(protocol)].first;
}

AppProtocol parseProtocol(std::string_view text) noexcept {
    text = trim(text);
    const auto* const found = std::ranges::find_if(
        kWords, [text](const auto& word) { return equalsIgnoringCase(word.first, text); });
    return found != kWords.end() ? found->second : AppProtocol::Tcp;
}

AppProtocol appProtocol(const protocol::App& app, const protocol::Port& port) {
    if (const std::string* const text = protocol::label(app, port, "proto"))
        return parseProtocol(*text);
    return port.check && port.check->protocol == protocol::CheckProtocol::Http ? AppProtocol::Http
                                                                               : AppProtocol::Tcp;
}

} // namespace mmsd::worker
