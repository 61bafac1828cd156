// SPDX-License-Identifier: MIT
// Whether a port can be bound, asked without disturbing whoever listens there.
#pragma once

#include "common/inet_address.h"

#include <optional>
#include <string>

namespace mmsd::haproxy {

/** Binds and lets go at once; never listens, so no connection can get lost. HAProxy's own bind
 *  would not notice another listener of the same user: the kernel spreads the connections over
 * both.
 *  @param maySharePort a listener of the same user is no obstacle, as it is a predecessor
 *  @return nothing if it works, else why not */
[[nodiscard]] std::optional<std::string> whyNotBindable(const InetEndpoint& where,
                                                        bool maySharePort);

} // namespace mmsd::haproxy
