// SPDX-License-Identifier: MIT
// What an app port speaks, as its label or its health check says. Pure.
#pragma once

#include "protocol/state.h"

#include <cstdint>
#include <string_view>

namespace mmsd::worker {

enum class AppProtocol : std::uint8_t { Tcp, Http, Smtp, Redis, RedisMaster, RedisSlave };

/** The word that label `proto` has for it. */
[[nodiscard]] std::string_view toString(AppProtocol protocol) noexcept;

/** `proto`: unknown words are tcp. Source: CONTRACT section 3. */
[[nodiscard]] AppProtocol parseProtocol(std::string_view text) noexcept;

/** The label's, else the health check's: HTTP is http, everything else is tcp. */
[[nodiscard]] AppProtocol appProtocol(const protocol::App& app, const protocol::Port& port);

} // namespace mmsd::worker
