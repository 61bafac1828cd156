// SPDX-License-Identifier: MIT
// JSON documents behind typed getters; the only place that knows RapidJSON.
#include "daemon/marathon/json.h"

namespace mmsd::marathon::detail {

/** RapidJSON's assertions judge foreign bytes, so they throw instead of aborting. */
[[noreturn]] void failJsonAssertion(const char* expression);

} // namespace mmsd::marathon::detail

#define RAPIDJSON_ASSERT(x)                                                                        \
    (static_cast<bool>(x) ? static_cast<void>(0) : ::mmsd::marathon::detail::failJsonAssertion(#x))
// Used where throwing would terminate: those conditions are RapidJSON's own.
#define RAPIDJSON_NOEXCEPT_ASSERT(x) static_cast<void>(0)

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>

namespace mmsd::marathon {

void detail::failJsonAssertion(const char* expression) {
    throw JsonError{std::string{"JSON access: "} + expression};
}

namespace {

// The iterative parser: the recursive one overflows the stack on a million brackets.
constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

/** Passes a reader's events on to a document, up to the greatest depth. */
class BoundedHandler {
public:
    explicit BoundedHandler(rapidjson::Document& out) noexcept : out_{out} {}

    bool Null() { return out_.Null(); }
    bool Bool(bool b) { return out_.Bool(b); }
    bool Int(int i) { return out_.Int(i); }
    bool Uint(unsigned i) { return out_.Uint(i); }
    bool Int64(std::int64_t i) { return out_.Int64(i); }
    bool Uint64(std::uint64_t i) { return out_.Uint64(i); }
    bool Double(double d) { return out_.Double(d); }
    bool RawNumber(const char* s, unsigned n, bool copy) { return out_.RawNumber(s, n, copy); }
    bool String(const char* s, unsigned n, bool copy) { return out_.String(s, n, copy); }
    bool Key(const char* s, unsigned n, bool copy) { return out_.Key(s, n, copy); }
    bool StartObject() { return ++depth_ <= kMaxJsonDepth && out_.StartObject(); }
    bool EndObject(unsigned n) { return --depth_, out_.EndObject(n); }
    bool StartArray() { return ++depth_ <= kMaxJsonDepth && out_.StartArray(); }
    bool EndArray(unsigned n) { return --depth_, out_.EndArray(n); }

private:
    rapidjson::Document& out_;
    std::size_t depth_ = 0;
};

const rapidjson::Value* valueOf(const void* value) noexcept {
    return static_cast<const rapidjson::Value*>(value);
}

bool isBlank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/** @return octets used */
template <unsigned Flags> std::size_t fill(rapidjson::Document& document, std::string_view text) {
    // RapidJSON takes a NUL for the end of the text, and what follows it for nothing.
    if (text.find('\0') != std::string_view::npos)
        throw JsonError{"invalid JSON: a NUL"};
    rapidjson::MemoryStream memory{text.data(), text.size()};
    rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> stream{memory};
    rapidjson::Reader reader;
    auto generate = [&](rapidjson::Document& out) {
        BoundedHandler handler{out};
        return !reader.Parse<Flags>(stream, handler).IsError();
    };
    document.Populate(generate);
    if (reader.HasParseError()) {
        const auto code = reader.GetParseErrorCode();
        throw JsonError{"invalid JSON at octet " + std::to_string(reader.GetErrorOffset()) + ": " +
                        (code == rapidjson::kParseErrorTermination
                             ? "nested too deeply"
                             : rapidjson::GetParseError_En(code))};
    }
    return stream.Tell();
}

} // namespace

struct JsonDocument::Impl {
    rapidjson::Document document;
};

JsonDocument::JsonDocument(std::unique_ptr<Impl> impl) noexcept : impl_{std::move(impl)} {}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

JsonDocument JsonDocument::parse(std::string_view text) {
    auto impl = std::make_unique<Impl>();
    fill<kFlags>(impl->document, text);
    return JsonDocument{std::move(impl)};
}

JsonDocument JsonDocument::takeFirst(std::string_view& text) {
    auto impl = std::make_unique<Impl>();
    text.remove_prefix(fill<kFlags | rapidjson::kParseStopWhenDoneFlag>(impl->document, text));
    const auto* const next = std::ranges::find_if_not(text, isBlank);
    text.remove_prefix(static_cast<std::size_t>(next - text.begin()));
    return JsonDocument{std::move(impl)};
}

JsonValue JsonDocument::root() const noexcept {
    return JsonValue{&impl_->document};
}

bool JsonValue::isPresent() const noexcept {
    return value_ != nullptr && !valueOf(value_)->IsNull();
}

bool JsonValue::isObject() const noexcept {
    return value_ != nullptr && valueOf(value_)->IsObject();
}

bool JsonValue::isArray() const noexcept {
    return value_ != nullptr && valueOf(value_)->IsArray();
}

JsonValue JsonValue::operator[](std::string_view name) const noexcept {
    if (!isObject())
        return {};
    const auto& object = *valueOf(value_);
    const auto member = object.FindMember(rapidjson::Value{
        rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))});
    return member == object.MemberEnd() ? JsonValue{} : JsonValue{&member->value};
}

std::optional<std::string_view> JsonValue::string() const noexcept {
    if (value_ == nullptr || !valueOf(value_)->IsString())
        return std::nullopt;
    return std::string_view{valueOf(value_)->GetString(), valueOf(value_)->GetStringLength()};
}

std::optional<std::int64_t> JsonValue::integer() const noexcept {
    if (value_ == nullptr || !valueOf(value_)->IsInt64())
        return std::nullopt;
    return valueOf(value_)->GetInt64();
}

std::optional<bool> JsonValue::boolean() const noexcept {
    if (value_ == nullptr || !valueOf(value_)->IsBool())
        return std::nullopt;
    return valueOf(value_)->GetBool();
}

std::vector<JsonValue> JsonValue::elements() const {
    std::vector<JsonValue> result;
    if (!isArray())
        return result;
    const auto& array = *valueOf(value_);
    result.reserve(array.Size());
    for (const rapidjson::Value& element : array.GetArray())
        result.push_back(JsonValue{&element});
    return result;
}

std::vector<std::pair<std::string_view, JsonValue>> JsonValue::members() const {
    std::vector<std::pair<std::string_view, JsonValue>> result;
    if (!isObject())
        return result;
    const auto& object = *valueOf(value_);
    result.reserve(object.MemberCount());
    for (auto member = object.MemberBegin(); member != object.MemberEnd(); ++member)
        result.emplace_back(
            std::string_view{member->name.GetString(), member->name.GetStringLength()},
            JsonValue{&member->value});
    return result;
}

} // namespace mmsd::marathon
