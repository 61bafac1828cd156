// SPDX-License-Identifier: MIT
// JsonWriter: builds one JSON text (RFC 8259) from values of our own. Pure.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::api {

/** Places commas and escapes; whoever calls it nests begin and end properly. */
class JsonWriter {
public:
    void beginObject() { open('{'); }
    void endObject() { close('}'); }
    void beginArray() { open('['); }
    void endArray() { close(']'); }
    /** A member's name; its value comes next. */
    void key(std::string_view name);

    void value(std::string_view text);
    void value(const std::string& text) { value(std::string_view{text}); }
    void value(const char* text) { value(std::string_view{text}); }
    void value(bool truth) { literal(truth ? "true" : "false"); }
    /** null where it is no number that JSON has. */
    void value(double number);
    template <std::integral T>
    requires(!std::same_as<T, bool>) void value(T number) { literal(std::to_string(number)); }
    /** null where there is none. */
    template <typename T> void value(const std::optional<T>& maybe) {
        if (maybe)
            value(*maybe);
        else
            literal("null");
    }
    void null() { literal("null"); }

    template <typename T> void member(std::string_view name, const T& v) {
        key(name);
        value(v);
    }

    [[nodiscard]] std::string take() && { return std::move(out_); }

private:
    void separate();
    void open(char bracket);
    void close(char bracket);
    void literal(std::string_view text);

    std::string out_;
    bool needsComma_ = false;
};

} // namespace mmsd::api
