// SPDX-License-Identifier: MIT
// Strict small text helpers.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd {

/** Parses all of @p text as a decimal number of type T: no sign for unsigned, no blanks. */
template <std::integral T>
[[nodiscard]] std::optional<T> parseNumber(std::string_view text) noexcept {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

/** Removes blanks and tabs, CR and LF at both ends. */
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;
/** Splits at every @p separator; trims items; drops empty ones. */
[[nodiscard]] std::vector<std::string_view> splitList(std::string_view text, char separator = ',');
/** ASCII only, independent of the locale. */
[[nodiscard]] std::string toLower(std::string_view text);
[[nodiscard]] bool equalsIgnoringCase(std::string_view a, std::string_view b) noexcept;
/** RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
[[nodiscard]] bool isValidUtf8(std::string_view text) noexcept;
/** Makes foreign text safe on one log or terminal line: controls (C0, DEL, C1, line separators,
 *  bidirectional overrides), quotes, backslash and invalid UTF-8 become \n, \r, \t, \", \\, \xNN;
 *  at most @p limit octets, then "…". */
[[nodiscard]] std::string escapeText(std::string_view text, std::size_t limit = 512);
/** The same as the inside of a JSON string (RFC 8259 §7); invalid UTF-8 becomes U+FFFD. */
[[nodiscard]] std::string escapeJson(std::string_view text,
                                     std::size_t limit = std::string_view::npos);

} // namespace mmsd
