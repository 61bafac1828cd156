// SPDX-License-Identifier: MIT
// HtmlWriter: builds a page; every value that comes from outside is escaped. Pure.
#include "workers/api-server/html_writer.h"

#include "common/text.h"

namespace mmsd::api {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd"; // U+FFFD

/** U+202A to U+202E and U+2066 to U+2069: they could show a name as another. */
bool turnsDirection(std::string_view three) noexcept {
    if (!three.starts_with("\xe2\x80") && !three.starts_with("\xe2\x81"))
        return false;
    const auto last = static_cast<unsigned char>(three[2]);
    return three[1] == '\x80' ? last >= 0xaa && last <= 0xae : last >= 0xa6 && last <= 0xa9;
}

} // namespace

HtmlWriter& HtmlWriter::text(std::string_view value) {
    const bool isText = isValidUtf8(value);
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        const auto octet = static_cast<unsigned char>(c);
        switch (c) {
        case '&':
            out_ += "&amp;";
            continue;
        case '<':
            out_ += "&lt;";
            continue;
        case '>':
            out_ += "&gt;";
            continue;
        case '"':
            out_ += "&quot;";
            continue;
        case '\'':
            out_ += "&#39;";
            continue;
        default:
            break;
        }
        // C1 controls are two octets: C2 80 to C2 9F.
        const bool isC1 =
            isText && octet == 0xc2 && static_cast<unsigned char>(value[i + 1]) < 0xa0;
        const bool isTurn = isText && octet == 0xe2 && turnsDirection(value.substr(i, 3));
        if (octet < 0x20 || octet == 0x7f || (!isText && octet >= 0x80) || isC1 || isTurn) {
            out_ += kReplacement;
            i += isTurn ? 2 : isC1 ? 1 : 0;
        } else {
            out_ += c;
        }
    }
    return *this;
}

} // namespace mmsd::api
