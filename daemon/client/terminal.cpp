// SPDX-License-Identifier: MIT
// Colours and columns for a terminal. Pure.
#include "daemon/client/terminal.h"

#include <algorithm>
#include <array>

namespace mmsd::client {

namespace {

/** Code points of UTF-8: octets that do not continue another. */
std::size_t widthOf(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }));
}

} // namespace

std::string Painter::paint(Colour colour, std::string_view text) const {
    // ECMA-48 §8.3.117
    constexpr std::array<std::string_view, 5> kCodes{"", "32", "33", "31", "2"};
    const std::string_view code = kCodes[static_cast<std::size_t>(colour)];
    if (!hasColour_ || code.empty() || text.empty())
        return std::string{text};
    return std::string{"\x1b["}.append(code).append("m").append(text).append("\x1b[0m");
}

std::string renderTable(const std::vector<std::vector<Cell>>& rows, const Painter& painter,
                        std::string_view indent) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], widthOf(row[i].text));
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line{indent};
        std::size_t owed = 0; // blanks that only count if something follows
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (!row[i].text.empty()) {
                line.append(owed, ' ').append(painter.paint(row[i].colour, row[i].text));
                owed = 0;
            }
            owed += widths[i] - widthOf(row[i].text) + 2;
        }
        text.append(line).append("\n");
    }
    return text;
}

} // namespace mmsd::client
