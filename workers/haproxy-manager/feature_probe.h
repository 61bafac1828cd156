// SPDX-License-Identifier: MIT
// Asks the installed HAProxy what it can do.
#pragma once

#include "workers/haproxy-manager/async.h"
#include "workers/haproxy-manager/haproxy_features.h"

#include <string>

namespace mmsd::haproxy {

/** @param folder writable; a small configuration is tried there
 *  @throws std::runtime_error if it is none, or older than kOldestVersion */
[[nodiscard]] Task<HaproxyFeatures> probeFeatures(Reactor reactor, std::string binary,
                                                  std::string folder);

} // namespace mmsd::haproxy
