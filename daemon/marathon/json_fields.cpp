// SPDX-License-Identifier: MIT
// JsonFields: reads members of an object that may have any type, and notes what it cannot use.
#include "daemon/marathon/json_fields.h"

#include <algorithm>

namespace mmsd::marathon {

bool isCleanText(std::string_view text) noexcept {
    // The parser has judged the UTF-8.
    return std::ranges::none_of(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

std::string_view JsonFields::string(std::string_view name) const {
    const JsonValue value = object_[name];
    const auto text = value.string();
    if (!text && value.isPresent())
        complain(name, "no string");
    return text.value_or(std::string_view{});
}

std::string JsonFields::name(std::string_view name, std::size_t limit) const {
    const std::string_view text = string(name);
    if (text.size() <= limit && isCleanText(text))
        return std::string{text};
    complain(name, text.size() > limit ? "too long" : "control characters");
    return {};
}

std::optional<std::int64_t> JsonFields::integer(std::string_view name, std::int64_t least,
                                                std::int64_t most) const {
    const JsonValue value = object_[name];
    if (!value.isPresent())
        return std::nullopt;
    const auto number = value.integer();
    if (!number)
        complain(name, "no whole number");
    else if (*number < least || *number > most)
        complain(name, "out of range: " + std::to_string(*number));
    else
        return number;
    return std::nullopt;
}

std::optional<std::uint16_t> JsonFields::port(std::string_view name) const {
    constexpr std::int64_t kMaxPort = 65'535;
    const auto number = integer(name, 0, kMaxPort);
    if (!number)
        return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

std::vector<JsonValue> JsonFields::list(std::string_view name) const {
    const JsonValue value = object_[name];
    if (value.isPresent() && !value.isArray())
        complain(name, "no array");
    return value.elements();
}

JsonValue JsonFields::object(std::string_view name) const {
    const JsonValue value = object_[name];
    if (value.isObject())
        return value;
    if (value.isPresent())
        complain(name, "no object");
    return {};
}

void JsonFields::complain(std::string_view name, std::string_view reason) const {
    std::string text = where_;
    if (!text.empty() && !name.empty())
        text += '.';
    problems_.add(portIndex_, text.append(name).append(": ").append(reason));
}

} // namespace mmsd::marathon
