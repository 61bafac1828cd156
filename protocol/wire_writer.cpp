// SPDX-License-Identifier: MIT
// Little-endian writes.
#include "protocol/wire_writer.h"

#include "protocol/limits.h"
#include "protocol/protocol_error.h"

#include <limits>

namespace mmsd::protocol {

namespace {

template <typename T> void append(std::vector<std::byte>& out, T value) {
    const std::size_t offset = out.size();
    out.resize(offset + sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i)
        out[offset + i] = static_cast<std::byte>(value >> (8 * i));
}

} // namespace

void WireWriter::u8(std::uint8_t value) {
    append(bytes_, value);
}

void WireWriter::u16(std::uint16_t value) {
    append(bytes_, value);
}

void WireWriter::u32(std::uint32_t value) {
    append(bytes_, value);
}

void WireWriter::u64(std::uint64_t value) {
    append(bytes_, value);
}

void WireWriter::string(std::string_view text) {
    if (text.size() > kMaxString)
        throw ProtocolError{"string is longer than its length field can tell"};
    u16(static_cast<std::uint16_t>(text.size()));
    bytes(std::as_bytes(std::span{text}));
}

void WireWriter::count(std::size_t items) {
    if (items > std::numeric_limits<std::uint32_t>::max())
        throw ProtocolError{"list has more items than its count can tell"};
    u32(static_cast<std::uint32_t>(items));
}

void WireWriter::bytes(std::span<const std::byte> raw) {
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
}

} // namespace mmsd::protocol
