// SPDX-License-Identifier: MIT
// Marathon's timestamps.
#include "daemon/marathon/timestamp.h"

#include "common/text.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

/** Takes fixed-width numbers and separators off the front of a text. */
class Cursor {
public:
    explicit Cursor(std::string_view text) noexcept : rest_{text} {}

    bool take(char c) noexcept {
        if (!rest_.starts_with(c))
            return false;
        rest_.remove_prefix(1);
        return true;
    }
    /** @return -1 unless @p width digits follow */
    int number(std::size_t width) noexcept {
        if (rest_.size() < width)
            return -1;
        const auto value = parseNumber<unsigned>(rest_.substr(0, width));
        rest_.remove_prefix(width);
        return value ? static_cast<int>(*value) : -1;
    }
    /** Digits behind the decimal point, to the millisecond. @return -1 if there are none */
    int milliseconds() noexcept {
        const auto* const end =
            std::ranges::find_if_not(rest_, [](char c) { return c >= '0' && c <= '9'; });
        const std::string digits{rest_.begin(), end};
        rest_.remove_prefix(digits.size());
        return digits.empty() ? -1 : parseNumber<int>((digits + "00").substr(0, 3)).value_or(-1);
    }
    [[nodiscard]] bool isAtEnd() const noexcept { return rest_.empty(); }

private:
    std::string_view rest_;
};

/** "Z", "+0000", "+00:00". */
std::optional<std::chrono::minutes> takeZone(Cursor& cursor) noexcept {
    if (cursor.take('Z'))
        return std::chrono::minutes{0};
    const bool isEast = cursor.take('+');
    if (!isEast && !cursor.take('-'))
        return std::nullopt;
    const int hours = cursor.number(2);
    cursor.take(':');
    const int minutes = cursor.number(2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return std::nullopt;
    const std::chrono::minutes offset{hours * 60 + minutes};
    return isEast ? offset : -offset;
}

/** WallTime counts nanoseconds in 64 bits: it ends in April 2262. */
constexpr int kLastYear = 2261;

} // namespace

std::optional<WallTime> parseTimestamp(std::string_view text) noexcept {
    using namespace std::chrono;
    Cursor cursor{text};
    const int y = cursor.number(4);
    const bool hasMonth = cursor.take('-');
    const int m = cursor.number(2);
    const bool hasDay = cursor.take('-');
    const int d = cursor.number(2);
    const bool hasTime = cursor.take('T');
    const int h = cursor.number(2);
    const bool hasMinutes = cursor.take(':');
    const int min = cursor.number(2);
    int s = 0;
    int ms = 0;
    if (cursor.take(':')) {
        s = cursor.number(2);
        if (cursor.take('.'))
            ms = cursor.milliseconds();
    }
    const auto zone = takeZone(cursor);
    const bool isWhole = hasMonth && hasDay && hasTime && hasMinutes && zone && cursor.isAtEnd();
    if (!isWhole || y < 1970 || y > kLastYear || m < 0 || d < 0 || h < 0 || h > 23 || min < 0 ||
        min > 59 || s < 0 || s > 60 || ms < 0)
        return std::nullopt;
    const year_month_day date{year{y}, month{static_cast<unsigned>(m)},
                              day{static_cast<unsigned>(d)}};
    if (!date.ok())
        return std::nullopt;
    return sys_days{date} + hours{h} + minutes{min} + seconds{s} + milliseconds{ms} - *zone;
}

} // namespace mmsd::marathon
