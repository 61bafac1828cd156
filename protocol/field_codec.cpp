// SPDX-License-Identifier: MIT
// What FieldWriter and FieldReader demand of strings and sizes.
#include "protocol/field_codec.h"

#include "common/text.h"

#include <algorithm>

namespace mmsd::protocol {

namespace {

bool isClean(std::string_view text) noexcept {
    const auto isControl = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
    return std::ranges::none_of(text, isControl) && isValidUtf8(text);
}

} // namespace

void failField(const char* field, const std::string& reason) {
    throw ProtocolError{std::string{field} + ": " + reason};
}

void checkSize(const char* field, std::size_t size, std::size_t limit) {
    if (size > limit)
        failField(field, std::to_string(size) + " is above the limit of " + std::to_string(limit));
}

void checkName(const char* field, std::string_view text) {
    if (!isClean(text))
        failField(field, "control characters or invalid UTF-8");
}

void checkValue(const char* field, std::string_view text) {
    if (text.find('\0') != std::string_view::npos || !isValidUtf8(text))
        failField(field, "NUL or invalid UTF-8");
}

std::string cleanText(std::string_view text, std::size_t limit) {
    constexpr std::size_t kEllipsis = 3; // octets that escapeText adds behind its limit
    if (text.size() <= limit && isClean(text))
        return std::string{text};
    return escapeText(text, limit - kEllipsis);
}

} // namespace mmsd::protocol
