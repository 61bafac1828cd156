// SPDX-License-Identifier: MIT
// JsonDocument, JsonView: an answer of the API, read without trusting its form.
#include "daemon/client/json_view.h"

#include "common/text.h"

#include <rapidjson/document.h>

#include <cmath>
#include <stdexcept>

namespace mmsd::client {

namespace {

const rapidjson::Value* valueOf(const void* value) noexcept {
    return static_cast<const rapidjson::Value*>(value);
}

std::string_view stringOf(const rapidjson::Value& value) noexcept {
    return {value.GetString(), value.GetStringLength()};
}

/** escapeText() for people instead of parsers: quotes and backslashes do a terminal no harm. */
std::string cleanText(std::string_view text) {
    std::string clean;
    while (!text.empty()) {
        const std::size_t run = text.find_first_of("\"\\");
        clean += escapeText(text.substr(0, run), std::string_view::npos);
        if (run == std::string_view::npos)
            break;
        clean += text[run];
        text.remove_prefix(run + 1);
    }
    return clean;
}

} // namespace

struct JsonDocument::Parsed {
    rapidjson::Document document;
};

JsonDocument::JsonDocument(const std::string& text) : parsed_{std::make_unique<Parsed>()} {
    // Iterative: nested as deep as it may be, it takes no stack.
    parsed_->document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
    if (parsed_->document.HasParseError() || !parsed_->document.IsObject())
        throw std::runtime_error{"the answer is no JSON object"};
}

JsonDocument::~JsonDocument() = default;

JsonView JsonDocument::root() const noexcept {
    const rapidjson::Value& root = parsed_->document;
    return JsonView{&root};
}

JsonView JsonView::operator[](const char* name) const noexcept {
    if (!isObject())
        return JsonView{nullptr};
    const auto found = valueOf(value_)->FindMember(name);
    return JsonView{found != valueOf(value_)->MemberEnd() ? &found->value : nullptr};
}

std::vector<JsonView> JsonView::items() const {
    std::vector<JsonView> items;
    if (value_ != nullptr && valueOf(value_)->IsArray())
        for (const rapidjson::Value& item : valueOf(value_)->GetArray())
            items.emplace_back(&item);
    return items;
}

std::vector<std::pair<std::string, std::string>> JsonView::texts() const {
    std::vector<std::pair<std::string, std::string>> members;
    if (isObject())
        for (const auto& member : valueOf(value_)->GetObject())
            if (member.value.IsString())
                members.emplace_back(cleanText(stringOf(member.name)),
                                     cleanText(stringOf(member.value)));
    return members;
}

bool JsonView::isObject() const noexcept {
    return value_ != nullptr && valueOf(value_)->IsObject();
}

bool JsonView::isArray() const noexcept {
    return value_ != nullptr && valueOf(value_)->IsArray();
}

bool JsonView::isNull() const noexcept {
    return value_ == nullptr || valueOf(value_)->IsNull();
}

bool JsonView::isTrue() const noexcept {
    return value_ != nullptr && valueOf(value_)->IsTrue();
}

std::optional<double> JsonView::number() const noexcept {
    if (value_ == nullptr || !valueOf(value_)->IsNumber())
        return std::nullopt;
    return valueOf(value_)->GetDouble();
}

std::string JsonView::text() const {
    if (value_ == nullptr)
        return {};
    if (valueOf(value_)->IsString())
        return cleanText(stringOf(*valueOf(value_)));
    if (valueOf(value_)->IsUint64())
        return std::to_string(valueOf(value_)->GetUint64());
    return {};
}

} // namespace mmsd::client
