// SPDX-License-Identifier: MIT
// Durations in Go's notation: "300ms", "5s", "1m30s", "1h".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd {

/** Parses Go's time.ParseDuration syntax without a minus (units ns us µs ms s m h, decimal
 *  fractions; "0" alone), rounded up to whole milliseconds so that only zero becomes zero; nothing
 *  if malformed or above 10 000 h. */
[[nodiscard]] std::optional<std::chrono::milliseconds>
parseDuration(std::string_view text) noexcept;

/** The usual short text, which parseDuration() reads back: 90 000 ms is "1m30s", 1500 ms "1.5s",
 *  300 ms "300ms", 0 (and anything below) "0s". */
[[nodiscard]] std::string formatDuration(std::chrono::milliseconds duration);

/** An age for people, in two units at most: "3.2 s", "4 min 10 s", "2 h 5 min", "3 d 1 h".
 *  @param seconds below 0 counts as 0 */
[[nodiscard]] std::string formatAge(double seconds);

} // namespace mmsd
