// SPDX-License-Identifier: MIT
// JsonDocument, JsonView: an answer of the API, read without trusting its form.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::client {

/** A value of a document, or nothing. Whatever is missing or of another type is "", 0 or empty. */
class JsonView {
public:
    explicit JsonView(const void* value) noexcept : value_{value} {}

    [[nodiscard]] JsonView operator[](const char* name) const noexcept;
    [[nodiscard]] std::vector<JsonView> items() const;
    /** Members that are text. */
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> texts() const;
    [[nodiscard]] bool isObject() const noexcept;
    [[nodiscard]] bool isArray() const noexcept;
    [[nodiscard]] bool isNull() const noexcept;
    [[nodiscard]] bool isTrue() const noexcept;
    [[nodiscard]] std::optional<double> number() const noexcept;
    /** A text, made safe for a terminal (as escapeText() does, but for quotes and backslashes); a
     *  whole number as its digits. */
    [[nodiscard]] std::string text() const;

private:
    const void* value_; ///< rapidjson::Value; null = nothing
};

/** Owns a parsed answer. */
class JsonDocument {
public:
    /** @throws std::runtime_error if it is no JSON object */
    explicit JsonDocument(const std::string& text);
    ~JsonDocument();
    JsonDocument(const JsonDocument&) = delete;
    JsonDocument& operator=(const JsonDocument&) = delete;

    [[nodiscard]] JsonView root() const noexcept;

private:
    struct Parsed;
    std::unique_ptr<Parsed> parsed_;
};

} // namespace mmsd::client
