// SPDX-License-Identifier: MIT
// JSON documents behind typed getters; the only place that knows RapidJSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::marathon {

/** Nesting of arrays and objects: Marathon's deepest answer, a plan with groups in groups, has
 *  about 30. A deeper text is an attack on somebody's stack. */
inline constexpr std::size_t kMaxJsonDepth = 64;

/** The text is not JSON, is cut off, is nested too deeply, or is not the document asked for. */
class JsonError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/** A value inside a JsonDocument, borrowed from it; may be missing. Missing and null are alike,
 *  and no access to a value of another type fails: it finds nothing. */
class JsonValue {
public:
    JsonValue() noexcept = default;

    /** True unless missing or null. */
    [[nodiscard]] bool isPresent() const noexcept;
    [[nodiscard]] bool isObject() const noexcept;
    [[nodiscard]] bool isArray() const noexcept;

    /** The member of that name; missing if there is none or this is no object. */
    [[nodiscard]] JsonValue operator[](std::string_view name) const noexcept;
    [[nodiscard]] std::optional<std::string_view> string() const noexcept;
    /** Whole numbers only. */
    [[nodiscard]] std::optional<std::int64_t> integer() const noexcept;
    [[nodiscard]] std::optional<bool> boolean() const noexcept;

    /** The elements of an array; none of anything else. */
    [[nodiscard]] std::vector<JsonValue> elements() const;
    /** The members of an object in their order; none of anything else. */
    [[nodiscard]] std::vector<std::pair<std::string_view, JsonValue>> members() const;

private:
    friend class JsonDocument;
    explicit JsonValue(const void* value) noexcept : value_{value} {}

    const void* value_ = nullptr; ///< rapidjson::Value, null = missing
};

/** Owns one parsed document. */
class JsonDocument {
public:
    /** Parses all of @p text. @throws JsonError */
    [[nodiscard]] static JsonDocument parse(std::string_view text);
    /** Parses the first document of @p text and takes it and the blanks around it off.
     *  @throws JsonError */
    [[nodiscard]] static JsonDocument takeFirst(std::string_view& text);

    ~JsonDocument();
    JsonDocument(JsonDocument&&) noexcept;
    JsonDocument& operator=(JsonDocument&&) noexcept;

    [[nodiscard]] JsonValue root() const noexcept;

private:
    struct Impl;
    explicit JsonDocument(std::unique_ptr<Impl> impl) noexcept;
    std::unique_ptr<Impl> impl_;
};

} // namespace mmsd::marathon
