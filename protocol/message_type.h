// SPDX-License-Identifier: MIT
// Message types on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mmsd::protocol {

/** Numbers are part of the wire format: never reuse one. Directions: PROTOCOL.md. */
enum class MessageType : std::uint16_t {
    Hello = 1,
    Ready = 2,
    Ping = 3,
    Pong = 4,
    Reapply = 5,
    SetLogLevel = 6,
    Shutdown = 7,

    SnapshotBegin = 16,
    SnapshotApp = 17,
    SnapshotInstances = 18,
    SnapshotEnd = 19,
    SnapshotApplied = 20,
    SnapshotRemoved = 21,
    SnapshotTarget = 22,

    Status = 32,
    ProcessStatus = 33,
    SourceStatus = 34,
};

/** Nothing for a number that is no message type. */
[[nodiscard]] std::optional<MessageType> toMessageType(std::uint16_t number) noexcept;
[[nodiscard]] std::string_view toString(MessageType type) noexcept;

} // namespace mmsd::protocol
