// SPDX-License-Identifier: MIT
// FieldWriter, FieldReader: one description of a message's fields serves both directions.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/protocol_error.h"
#include "protocol/wire_reader.h"
#include "protocol/wire_writer.h"

#include <bit>
#include <chrono>
#include <concepts>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace mmsd::protocol {

/** Strings whose octets are checked. @throws ProtocolError naming @p field */
void checkName(const char* field, std::string_view text);  ///< UTF-8 without control characters
void checkValue(const char* field, std::string_view text); ///< UTF-8 without NUL
/** @throws ProtocolError "<field>: <reason>" */
[[noreturn]] void failField(const char* field, const std::string& reason);
void checkSize(const char* field, std::size_t size, std::size_t limit);
/** Free text made fit for checkName(): escaped if it has anything else, cut to @p limit. */
[[nodiscard]] std::string cleanText(std::string_view text, std::size_t limit);

/** Appends fields to a payload and holds its own side to the limits, too. */
class FieldWriter {
public:
    template <std::unsigned_integral T> void number(const T& value) {
        if constexpr (sizeof(T) == 1)
            out_.u8(value);
        else if constexpr (sizeof(T) == 2)
            out_.u16(value);
        else if constexpr (sizeof(T) == 4)
            out_.u32(value);
        else
            out_.u64(value);
    }
    void boolean(const bool& value) { out_.boolean(value); }
    void real(const double& value) { out_.u64(std::bit_cast<std::uint64_t>(value)); }
    template <typename E> void enumeration(const char*, const E& value, E /*last*/) {
        out_.u8(static_cast<std::uint8_t>(value));
    }
    /** A duration as an unsigned number of its own unit, as wide as @p Wire. */
    template <std::unsigned_integral Wire, typename Duration>
    void duration(const char* field, const Duration& value) {
        if (value.count() < 0 || !std::in_range<Wire>(value.count()))
            failField(field, "out of range");
        number(static_cast<Wire>(value.count()));
    }
    void name(const char* field, const std::string& text, std::size_t limit) {
        checkSize(field, text.size(), limit);
        checkName(field, text);
        out_.string(text);
    }
    void value(const char* field, const std::string& text, std::size_t limit) {
        checkSize(field, text.size(), limit);
        checkValue(field, text);
        out_.string(text);
    }
    void text(const char*, const std::string& text, std::size_t limit) {
        out_.string(cleanText(text, limit));
    }
    template <typename List, typename Item>
    void list(const char* field, const List& items, std::size_t limit, std::size_t /*minimumSize*/,
              Item item) {
        checkSize(field, items.size(), limit);
        out_.count(items.size());
        for (const auto& each : items)
            item(each);
    }
    template <typename T, typename Item> void optional(const T& value, Item item) {
        out_.boolean(value.has_value());
        if (value)
            item(*value);
    }
    [[nodiscard]] WireWriter& wire() noexcept { return out_; }

private:
    WireWriter out_;
};

/** Takes fields off a payload. */
class FieldReader {
public:
    explicit FieldReader(PayloadView payload) noexcept : in_{payload} {}

    template <std::unsigned_integral T> void number(T& value) {
        if constexpr (sizeof(T) == 1)
            value = in_.u8();
        else if constexpr (sizeof(T) == 2)
            value = in_.u16();
        else if constexpr (sizeof(T) == 4)
            value = in_.u32();
        else
            value = in_.u64();
    }
    void boolean(bool& value) { value = in_.boolean(); }
    void real(double& value) { value = std::bit_cast<double>(in_.u64()); }
    template <typename E> void enumeration(const char* field, E& value, E last) {
        const std::uint8_t number = in_.u8();
        if (number > static_cast<std::uint8_t>(last))
            failField(field, "unknown value " + std::to_string(number));
        value = static_cast<E>(number);
    }
    template <std::unsigned_integral Wire, typename Duration>
    void duration(const char* field, Duration& value) {
        Wire count = 0;
        number(count);
        if (!std::in_range<typename Duration::rep>(count))
            failField(field, "out of range");
        value = Duration{static_cast<typename Duration::rep>(count)};
    }
    void name(const char* field, std::string& text, std::size_t limit) {
        text = in_.string(limit);
        checkName(field, text);
    }
    void value(const char* field, std::string& text, std::size_t limit) {
        text = in_.string(limit);
        checkValue(field, text);
    }
    void text(const char* field, std::string& text, std::size_t limit) { name(field, text, limit); }
    template <typename List, typename Item>
    void list(const char*, List& items, std::size_t limit, std::size_t minimumSize, Item item) {
        const std::size_t count = in_.count(limit, minimumSize);
        items.reserve(items.size() + count);
        for (std::size_t i = 0; i < count; ++i)
            item(items.emplace_back());
    }
    template <typename T, typename Item> void optional(T& value, Item item) {
        if (in_.boolean())
            item(value.emplace());
    }
    [[nodiscard]] WireReader& wire() noexcept { return in_; }

private:
    WireReader in_;
};

template <typename Codec> inline constexpr bool kIsReader = std::is_same_v<Codec, FieldReader>;

/** A message that a codec fills in (reader) or looks at (writer). */
template <typename Codec, typename Message>
using Fields = std::conditional_t<kIsReader<Codec>, Message&, const Message&>;

} // namespace mmsd::protocol
