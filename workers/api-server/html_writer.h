// SPDX-License-Identifier: MIT
// HtmlWriter: builds a page; every value that comes from outside is escaped. Pure.
#pragma once

#include <string>
#include <string_view>

namespace mmsd::api {

/** Markup goes in by raw(), which takes literals only; values by text(). */
class HtmlWriter {
public:
    /** Our own markup: the constructor accepts nothing that is not known when compiling. */
    class Markup {
    public:
        template <std::size_t N>
        consteval Markup(const char (&literal)[N]) : text_{literal, N - 1} {} // NOLINT: a literal
        [[nodiscard]] constexpr std::string_view text() const noexcept { return text_; }

    private:
        std::string_view text_;
    };

    HtmlWriter& raw(Markup markup) {
        out_ += markup.text();
        return *this;
    }
    /** Any text, made safe between tags and inside quoted attributes (HTML standard, section
     *  "Escaping a string"); controls and what turns the direction of text become U+FFFD. */
    HtmlWriter& text(std::string_view value);
    /** Style or script of ours, which must not be escaped. */
    HtmlWriter& embedded(std::string_view ours) {
        out_ += ours;
        return *this;
    }

    [[nodiscard]] std::string take() && { return std::move(out_); }

private:
    std::string out_;
};

} // namespace mmsd::api
