// SPDX-License-Identifier: MIT
// Bounds-checked little-endian reads.
#include "protocol/wire_reader.h"

#include "protocol/protocol_error.h"

namespace mmsd::protocol {

namespace {

template <typename T> T littleEndian(std::span<const std::byte> bytes) noexcept {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        value = static_cast<T>(value | static_cast<T>(std::to_integer<T>(bytes[i]) << (8 * i)));
    return value;
}

} // namespace

std::span<const std::byte> WireReader::bytes(std::size_t size) {
    if (size > bytes_.size())
        throw ProtocolError{"payload ends too early"};
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
}

std::uint8_t WireReader::u8() {
    return littleEndian<std::uint8_t>(bytes(1));
}

std::uint16_t WireReader::u16() {
    return littleEndian<std::uint16_t>(bytes(2));
}

std::uint32_t WireReader::u32() {
    return littleEndian<std::uint32_t>(bytes(4));
}

std::uint64_t WireReader::u64() {
    return littleEndian<std::uint64_t>(bytes(8));
}

bool WireReader::boolean() {
    const std::uint8_t value = u8();
    if (value > 1)
        throw ProtocolError{"a boolean is neither 0 nor 1"};
    return value == 1;
}

std::string_view WireReader::string(std::size_t limit) {
    const std::size_t size = u16();
    if (size > limit)
        throw ProtocolError{"string is longer than " + std::to_string(limit) + " octets"};
    const auto raw = bytes(size);
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::size_t WireReader::count(std::size_t limit, std::size_t minimumItemSize) {
    const std::size_t items = u32();
    if (items > limit)
        throw ProtocolError{"list has more than " + std::to_string(limit) + " items"};
    if (items > remaining() / minimumItemSize)
        throw ProtocolError{"list announces more items than the payload can hold"};
    return items;
}

void WireReader::expectEnd() const {
    if (!bytes_.empty())
        throw ProtocolError{std::to_string(bytes_.size()) + " octets left over"};
}

} // namespace mmsd::protocol
