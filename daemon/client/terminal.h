// SPDX-License-Identifier: MIT
// Colours and columns for a terminal. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mmsd::client {

enum class Colour : unsigned char { Plain, Good, Warning, Bad, Faint };

/** Colours where they are wanted, and nothing else. */
class Painter {
public:
    explicit Painter(bool hasColour) noexcept : hasColour_{hasColour} {}
    [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;

private:
    bool hasColour_;
};

struct Cell {
    std::string text;
    Colour colour = Colour::Plain;
};

/** Rows with aligned columns, two blanks apart; the last column is not filled up. Widths are code
 *  points: near enough for names of apps and hosts. */
[[nodiscard]] std::string renderTable(const std::vector<std::vector<Cell>>& rows,
                                      const Painter& painter, std::string_view indent = "");

} // namespace mmsd::client
