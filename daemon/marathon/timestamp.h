// SPDX-License-Identifier: MIT
// Marathon's timestamps.
#pragma once

#include "daemon/marathon/marathon_app.h"

#include <optional>
#include <string_view>

namespace mmsd::marathon {

/** Parses the ISO 8601 forms that Marathon has written over the years: "2017-11-09T08:43:59.89Z",
 *  "2014-01-24T21:52+0000"; seconds and their fraction may be missing. Nothing if malformed
 *  or outside the years 1970 to 2261. */
[[nodiscard]] std::optional<WallTime> parseTimestamp(std::string_view text) noexcept;

} // namespace mmsd::marathon
