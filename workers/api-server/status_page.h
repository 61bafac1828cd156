// SPDX-License-Identifier: MIT
// The status page: what an operator wants to see of this node, as one HTML page. Pure.
#pragma once

#include "workers/api-server/route.h"

#include <cstddef>

namespace mmsd::api {

/** Apps on the page at most; a filter finds the others. */
inline constexpr std::size_t kMaxListedApps = 2'000;
/** Instances of one app on the page at most; /v1/explain has them all. */
inline constexpr std::size_t kMaxListedInstances = 50;
/** Refusals on the page at most; /v1/status has more. */
inline constexpr std::size_t kMaxPageRefusals = 200;

/** Answers "/". It needs nothing but itself: no other resource, no JavaScript; with JavaScript it
 *  refreshes and filters itself. A strict Content-Security-Policy goes with it.
 *  Query: q = words that an app's id, places or reasons must all have; problems = anything: only
 *  apps with a problem. */
[[nodiscard]] HttpResponse statusPage(const Inquiry& inquiry, const ApiState& state,
                                      const ApiTime& now);

} // namespace mmsd::api
