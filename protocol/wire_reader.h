// SPDX-License-Identifier: MIT
// WireReader: bounds-checked cursor over a payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mmsd::protocol {

/** Reads little-endian values; every read throws ProtocolError when bytes are missing. */
class WireReader {
public:
    explicit WireReader(std::span<const std::byte> bytes) noexcept : bytes_{bytes} {}

    [[nodiscard]] std::uint8_t u8();
    [[nodiscard]] std::uint16_t u16();
    [[nodiscard]] std::uint32_t u32();
    [[nodiscard]] std::uint64_t u64();
    /** 0 or 1, nothing else. */
    [[nodiscard]] bool boolean();
    /** Borrowed from the payload. @param limit octets */
    [[nodiscard]] std::string_view string(std::size_t limit);
    /** A list's count, checked against @p limit and the bytes left before anyone allocates.
     *  @param minimumItemSize octets that each item needs at least, > 0 */
    [[nodiscard]] std::size_t count(std::size_t limit, std::size_t minimumItemSize);
    [[nodiscard]] std::span<const std::byte> bytes(std::size_t size);

    [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size(); }
    /** @throws ProtocolError if bytes are left over */
    void expectEnd() const;

private:
    std::span<const std::byte> bytes_;
};

} // namespace mmsd::protocol
