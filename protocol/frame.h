// SPDX-License-Identifier: MIT
// The 16-byte frame header; no I/O.
#pragma once

#include "protocol/limits.h"
#include "protocol/message_type.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace mmsd::protocol {

/** u32 length (payload only) · u16 type · u16 flags (0) · u64 generation, little endian. */
struct FrameHeader {
    std::uint32_t length = 0;
    MessageType type = MessageType::Hello;
    std::uint64_t generation = 0; ///< 0 for control messages
};

/** A header and the payload that it announces, borrowed. */
struct FrameView {
    FrameHeader header;
    std::span<const std::byte> payload;
};

[[nodiscard]] std::array<std::byte, kHeaderSize> encodeHeader(const FrameHeader& header) noexcept;

/** @throws ProtocolError on an unknown type, non-zero flags or a length above kMaxPayload */
[[nodiscard]] FrameHeader decodeHeader(std::span<const std::byte, kHeaderSize> bytes);

/** Appends header and payload. @throws ProtocolError if the payload exceeds kMaxPayload */
void appendFrame(std::vector<std::byte>& out, MessageType type, std::uint64_t generation,
                 std::span<const std::byte> payload);

/** Takes the first whole frame off @p bytes and advances it; nothing while it is incomplete.
 *  @throws ProtocolError like decodeHeader, as soon as the header is there */
[[nodiscard]] std::optional<FrameView> takeFrame(std::span<const std::byte>& bytes);

} // namespace mmsd::protocol
