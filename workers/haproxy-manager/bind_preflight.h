// SPDX-License-Identifier: MIT
// Whether a port can be bound, asked without disturbing whoever listens there.
#pragma once

#include "common/inet_address.h"

#include <optional>
#include <string>

namespace mmsd::haproxy {

/** Binds like HAProxy would and lets go at once; never listens, so no connection can get lost.
 *  A listener of the same user is no obstacle: HAProxy shares the port with its predecessor.
 *  @return nothing if it works, else why not */
[[nodiscard]] std::optional<std::string> whyNotBindable(const InetEndpoint& where) noexcept;

} // namespace mmsd::haproxy
