// SPDX-License-Identifier: MIT
// Durations in Go's notation: "300ms", "5s", "1m30s", "1h".
#include "common/duration.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace mmsd {

namespace {

struct Unit {
    std::string_view name;
    std::int64_t nanoseconds;
};
// Both micro signs (U+00B5, U+03BC), as Go has it.
constexpr std::array kUnits{Unit{"ns", 1},
                            Unit{"us", 1'000},
                            Unit{"\u00b5s", 1'000},
                            Unit{"\u03bcs", 1'000},
                            Unit{"ms", 1'000'000},
                            Unit{"s", 1'000'000'000},
                            Unit{"m", 60'000'000'000},
                            Unit{"h", 3'600'000'000'000}};
constexpr std::int64_t kHour = kUnits.back().nanoseconds;
constexpr std::int64_t kMaximum = 10'000 * kHour;

/** Cuts the longest start that is made of @p characters (or of anything but them) off @p text. */
std::string_view take(std::string_view& text, std::string_view characters, bool isMember) noexcept {
    const std::size_t end =
        isMember ? text.find_first_not_of(characters) : text.find_first_of(characters);
    const std::string_view head = text.substr(0, end);
    text.remove_prefix(head.size());
    return head;
}

/** Cuts one "number unit" off @p text; nothing if malformed or too large. */
std::optional<std::int64_t> takePart(std::string_view& text) noexcept {
    constexpr std::string_view kDigits = "0123456789";
    const std::string_view whole = take(text, kDigits, true);
    std::string_view fraction;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        fraction = take(text, kDigits, true);
    }
    const std::string_view name = take(text, "0123456789.", false);
    const auto* const unit = std::ranges::find(kUnits, name, &Unit::name);
    if ((whole.empty() && fraction.empty()) || unit == kUnits.end())
        return std::nullopt;

    std::int64_t number = 0;
    for (const char digit : whole) {
        number = number * 10 + (digit - '0');
        if (number > kMaximum / unit->nanoseconds)
            return std::nullopt;
    }
    std::int64_t total = number * unit->nanoseconds;
    std::int64_t place = unit->nanoseconds;
    for (const char digit : fraction) {
        place /= 10;
        total += (digit - '0') * place;
    }
    return total;
}

} // namespace

std::optional<std::chrono::milliseconds> parseDuration(std::string_view text) noexcept {
    if (text.starts_with('+'))
        text.remove_prefix(1);
    if (text == "0")
        return std::chrono::milliseconds::zero();
    if (text.empty())
        return std::nullopt;
    std::int64_t total = 0;
    while (!text.empty()) {
        const auto part = takePart(text);
        if (!part || *part > kMaximum - total)
            return std::nullopt;
        total += *part;
    }
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::nanoseconds{total});
}

std::string formatDuration(std::chrono::milliseconds duration) {
    const std::int64_t total = std::max<std::int64_t>(duration.count(), 0);
    const std::int64_t rest = total % 1000;
    if (total < 1000 && rest > 0)
        return std::to_string(rest) + "ms";

    std::string text;
    if (const std::int64_t hours = total / 3'600'000; hours > 0)
        text += std::to_string(hours) + "h";
    if (const std::int64_t minutes = total / 60'000 % 60; minutes > 0)
        text += std::to_string(minutes) + "m";
    if (const std::int64_t seconds = total / 1000 % 60; seconds > 0 || rest > 0 || text.empty()) {
        std::string decimals = rest > 0 ? "." + std::to_string(1000 + rest).substr(1) : "";
        decimals.erase(decimals.find_last_not_of('0') + 1);
        text += std::to_string(seconds) + decimals + "s";
    }
    return text;
}

std::string formatAge(double seconds) {
    constexpr double kLongest = 1e12; // beyond it, the numbers below would overflow
    const auto tenths = static_cast<std::uint64_t>(std::clamp(seconds, 0.0, kLongest) * 10);
    const std::uint64_t whole = tenths / 10;
    const auto pair = [](std::uint64_t a, const char* unit, std::uint64_t b, const char* smaller) {
        return std::to_string(a) + unit + std::to_string(b) + smaller;
    };
    if (whole < 10)
        return pair(whole, ".", tenths % 10, " s");
    if (whole < 120)
        return std::to_string(whole) + " s";
    if (whole < 7'200)
        return pair(whole / 60, " min ", whole % 60, " s");
    if (whole < 172'800)
        return pair(whole / 3'600, " h ", whole / 60 % 60, " min");
    return pair(whole / 86'400, " d ", whole / 3'600 % 24, " h");
}

} // namespace mmsd
