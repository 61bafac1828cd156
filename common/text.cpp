// SPDX-License-Identifier: MIT
// Strict small text helpers.
#include "common/text.h"

#include <algorithm>

namespace mmsd {

namespace {

/** What stands at the start of a text: a character, or (valid = false) one octet that is none. */
struct Character {
    char32_t codePoint;
    std::size_t length;
    bool isValid;
};

/** Decodes the first character of a text that is not empty. Source: RFC 3629 §4. */
Character decodeFirst(std::string_view text) noexcept {
    const auto octet = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = octet(0);
    const Character invalid{first, 1, false};
    if (first < 0x80)
        return {first, 1, true};
    const std::size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length == 0 || first > 0xF4 || length > text.size())
        return invalid;

    char32_t codePoint = first & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((octet(i) & 0xC0) != 0x80)
            return invalid;
        codePoint = codePoint << 6 | (octet(i) & 0x3F);
    }
    const bool isOverlong =
        (length == 3 && codePoint < 0x800) || (length == 4 && codePoint < 0x10000);
    const bool isSurrogate = codePoint >= 0xD800 && codePoint <= 0xDFFF;
    if (isOverlong || isSurrogate || codePoint > 0x10FFFF)
        return invalid;
    return {codePoint, length, true};
}

/** True for what moves the cursor or reorders text: C0, DEL, C1, line separators, bidi controls. */
bool isControl(char32_t c) noexcept {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

/** The letter after the backslash of an escape that C and JSON share, or 0. */
char shortEscape(char c) noexcept {
    constexpr std::string_view kCharacters = "\n\r\t\"\\";
    constexpr std::string_view kLetters = "nrt\"\\";
    const std::size_t index = kCharacters.find(c);
    return index == std::string_view::npos ? '\0' : kLetters[index];
}

void appendHex(std::string& out, std::string_view prefix, char octet) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto value = static_cast<unsigned char>(octet);
    out.append(prefix).append({kDigits[value >> 4], kDigits[value & 0xF]});
}

/** Escapes character by character; @p append(out, octets, character) does those without a
 *  short escape. */
template <typename Append>
std::string escape(std::string_view text, std::size_t limit, Append append) {
    std::string out;
    while (!text.empty()) {
        const Character character = decodeFirst(text);
        const std::size_t sizeBefore = out.size();
        if (const char letter = shortEscape(text.front()))
            out.append({'\\', letter});
        else
            append(out, text.substr(0, character.length), character);
        if (out.size() > limit) {
            out.resize(sizeBefore);
            return out + "…";
        }
        text.remove_prefix(character.length);
    }
    return out;
}

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

std::string_view trim(std::string_view text) noexcept {
    constexpr std::string_view kBlanks = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<std::string_view> splitList(std::string_view text, char separator) {
    std::vector<std::string_view> items;
    while (!text.empty()) {
        const std::string_view field = text.substr(0, text.find(separator));
        text.remove_prefix(std::min(field.size() + 1, text.size()));
        if (const std::string_view item = trim(field); !item.empty())
            items.push_back(item);
    }
    return items;
}

std::string toLower(std::string_view text) {
    std::string out{text};
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

bool equalsIgnoringCase(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}

bool isValidUtf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const Character character = decodeFirst(text);
        if (!character.isValid)
            return false;
        text.remove_prefix(character.length);
    }
    return true;
}

std::string escapeText(std::string_view text, std::size_t limit) {
    return escape(text, limit,
                  [](std::string& out, std::string_view octets, const Character& character) {
                      if (character.isValid && !isControl(character.codePoint)) {
                          out.append(octets);
                          return;
                      }
                      for (const char octet : octets)
                          appendHex(out, "\\x", octet);
                  });
}

std::string escapeJson(std::string_view text, std::size_t limit) {
    return escape(text, limit,
                  [](std::string& out, std::string_view octets, const Character& character) {
                      if (!character.isValid)
                          out.append("\uFFFD");
                      else if (character.codePoint < 0x20)
                          appendHex(out, "\\u00", octets.front());
                      else
                          out.append(octets);
                  });
}

} // namespace mmsd
