// SPDX-License-Identifier: MIT
// Encoding and decoding of frames; no I/O.
#include "protocol/frame.h"

#include "protocol/protocol_error.h"
#include "protocol/wire_reader.h"

#include <string>

namespace mmsd::protocol {

std::array<std::byte, kHeaderSize> encodeHeader(const FrameHeader& header) noexcept {
    std::array<std::byte, kHeaderSize> bytes{};
    const auto put = [&bytes](std::size_t offset, std::size_t size, std::uint64_t value) {
        for (std::size_t i = 0; i < size; ++i)
            bytes[offset + i] = static_cast<std::byte>(value >> (8 * i));
    };
    put(0, 4, header.length);
    put(4, 2, static_cast<std::uint16_t>(header.type));
    put(8, 8, header.generation);
    return bytes;
}

FrameHeader decodeHeader(std::span<const std::byte, kHeaderSize> bytes) {
    WireReader reader{bytes};
    const std::uint32_t length = reader.u32();
    const std::uint16_t number = reader.u16();
    const std::uint16_t flags = reader.u16();
    const auto type = toMessageType(number);
    if (!type)
        throw ProtocolError{"unknown message type " + std::to_string(number)};
    if (flags != 0)
        throw ProtocolError{std::string{toString(*type)} + " has unknown flags"};
    if (length > kMaxPayload)
        throw ProtocolError{std::string{toString(*type)} + " announces a payload of " +
                            std::to_string(length) + " octets"};
    return {.length = length, .type = *type, .generation = reader.u64()};
}

void appendFrame(std::vector<std::byte>& out, MessageType type, std::uint64_t generation,
                 std::span<const std::byte> payload) {
    if (payload.size() > kMaxPayload)
        throw ProtocolError{std::string{toString(type)} + " does not fit in a frame: " +
                            std::to_string(payload.size()) + " octets"};
    const auto header = encodeHeader({.length = static_cast<std::uint32_t>(payload.size()),
                                      .type = type,
                                      .generation = generation});
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), payload.begin(), payload.end());
}

std::optional<FrameView> takeFrame(std::span<const std::byte>& bytes) {
    if (bytes.size() < kHeaderSize)
        return std::nullopt;
    const FrameHeader header = decodeHeader(bytes.first<kHeaderSize>());
    if (bytes.size() - kHeaderSize < header.length)
        return std::nullopt;
    const FrameView frame{header, bytes.subspan(kHeaderSize, header.length)};
    bytes = bytes.subspan(kHeaderSize + header.length);
    return frame;
}

} // namespace mmsd::protocol
