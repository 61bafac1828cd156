// SPDX-License-Identifier: MIT
// JsonWriter: builds one JSON text (RFC 8259) from values of our own. Pure.
#include "workers/api-server/json_writer.h"

#include "common/text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace mmsd::api {

void JsonWriter::key(std::string_view name) {
    separate();
    out_.append("\"").append(escapeJson(name)).append("\":");
    needsComma_ = false;
}

void JsonWriter::value(std::string_view text) {
    literal("\"" + escapeJson(text) + "\"");
}

void JsonWriter::value(double number) {
    if (!std::isfinite(number))
        return null();
    std::array<char, 32> text;
    const auto result = std::to_chars(text.data(), text.data() + text.size(), number);
    literal({text.data(), result.ptr});
}

void JsonWriter::separate() {
    if (needsComma_)
        out_ += ',';
    needsComma_ = true;
}

void JsonWriter::open(char bracket) {
    separate();
    out_ += bracket;
    needsComma_ = false;
}

void JsonWriter::close(char bracket) {
    out_ += bracket;
    needsComma_ = true;
}

void JsonWriter::literal(std::string_view text) {
    separate();
    out_.append(text);
}

} // namespace mmsd::api
