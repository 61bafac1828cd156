// SPDX-License-Identifier: MIT
// WireWriter: builds one payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::protocol {

/** Appends little-endian values; string() and count() throw ProtocolError when too long. */
class WireWriter {
public:
    void u8(std::uint8_t value);
    void u16(std::uint16_t value);
    void u32(std::uint32_t value);
    void u64(std::uint64_t value);
    void boolean(bool value) { u8(value ? 1 : 0); }
    /** u16 length and octets. */
    void string(std::string_view text);
    void count(std::size_t items);
    void bytes(std::span<const std::byte> raw);

    [[nodiscard]] std::span<const std::byte> view() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
    void clear() noexcept { bytes_.clear(); }
    /** Gives the payload away; empty afterwards. */
    [[nodiscard]] std::vector<std::byte> take() noexcept { return std::exchange(bytes_, {}); }

private:
    std::vector<std::byte> bytes_;
};

} // namespace mmsd::protocol
