// SPDX-License-Identifier: MIT
// Who wins when two apps claim the same name or port: one rule for all workers. Pure.
#include "workers/runtime/app_precedence.h"

#include "common/text.h"

#include <algorithm>

namespace mmsd::worker {

namespace {

/** Cuts a text into fields of fixed width. */
class FieldReader {
public:
    explicit FieldReader(std::string_view text) noexcept : text_{text} {}

    /** Exactly @p width digits, in [low, high]. */
    [[nodiscard]] std::optional<unsigned> number(std::size_t width, unsigned low,
                                                 unsigned high) noexcept {
        if (text_.size() < width)
            return std::nullopt;
        const auto value = parseNumber<unsigned>(text_.substr(0, width));
        text_.remove_prefix(width);
        return value && *value >= low && *value <= high ? value : std::nullopt;
    }
    [[nodiscard]] bool literal(char c) noexcept {
        if (!text_.starts_with(c))
            return false;
        text_.remove_prefix(1);
        return true;
    }
    /** All digits that follow. */
    [[nodiscard]] std::string_view digits() noexcept {
        const std::size_t end = std::min(text_.find_first_not_of("0123456789"), text_.size());
        const std::string_view found = text_.substr(0, end);
        text_.remove_prefix(end);
        return found;
    }
    [[nodiscard]] bool isAtEnd() const noexcept { return text_.empty(); }

private:
    std::string_view text_;
};

/** ".055" and further digits; nothing there = 0. */
std::optional<std::chrono::microseconds> parseFraction(FieldReader& reader) noexcept {
    if (!reader.literal('.'))
        return std::chrono::microseconds{0};
    const std::string_view digits = reader.digits();
    if (digits.empty())
        return std::nullopt;
    long value = 0;
    for (std::size_t i = 0; i < 6; ++i)
        value = value * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    return std::chrono::microseconds{value};
}

/** "Z", "+02:00" or "-0700": what to subtract to get UTC. */
std::optional<std::chrono::minutes> parseOffset(FieldReader& reader) noexcept {
    if (reader.literal('Z') || reader.literal('z'))
        return std::chrono::minutes{0};
    const bool isWest = reader.literal('-');
    if (!isWest && !reader.literal('+'))
        return std::nullopt;
    const auto hours = reader.number(2, 0, 23);
    static_cast<void>(reader.literal(':'));
    const auto minutes = reader.number(2, 0, 59);
    if (!hours || !minutes)
        return std::nullopt;
    const std::chrono::minutes offset = std::chrono::hours{*hours} + std::chrono::minutes{*minutes};
    return isWest ? -offset : offset;
}

} // namespace

std::optional<VersionTime> parseVersion(std::string_view version) noexcept {
    FieldReader reader{version};
    const auto year = reader.number(4, 0, 9999);
    const bool hasYear = reader.literal('-');
    const auto month = reader.number(2, 1, 12);
    const bool hasMonth = reader.literal('-');
    const auto day = reader.number(2, 1, 31);
    const bool hasDate = reader.literal('T') || reader.literal('t');
    const auto hour = reader.number(2, 0, 23);
    const bool hasHour = reader.literal(':');
    const auto minute = reader.number(2, 0, 59);
    const bool hasMinute = reader.literal(':');
    const auto second = reader.number(2, 0, 60); // 60: a leap second
    if (!year || !hasYear || !month || !hasMonth || !day || !hasDate || !hour || !hasHour ||
        !minute || !hasMinute || !second)
        return std::nullopt;
    const auto fraction = parseFraction(reader);
    const auto offset = fraction ? parseOffset(reader) : std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                           std::chrono::month{*month}, std::chrono::day{*day}};
    if (!offset || !reader.isAtEnd() || !date.ok())
        return std::nullopt;
    return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
           std::chrono::seconds{*second} + *fraction - *offset;
}

bool precedes(const protocol::App& a, const protocol::App& b) noexcept {
    const auto timeA = parseVersion(a.version).value_or(VersionTime::max());
    const auto timeB = parseVersion(b.version).value_or(VersionTime::max());
    return timeA != timeB ? timeA < timeB : a.id < b.id;
}

} // namespace mmsd::worker
