// SPDX-License-Identifier: MIT
// Names and numbers of the message types.
#include "protocol/message_type.h"

#include <array>

namespace mmsd::protocol {

namespace {

struct Row {
    MessageType type;
    std::string_view name;
};

constexpr std::array kRows{
    Row{MessageType::Hello, "Hello"},
    Row{MessageType::Ready, "Ready"},
    Row{MessageType::Ping, "Ping"},
    Row{MessageType::Pong, "Pong"},
    Row{MessageType::Reapply, "Reapply"},
    Row{MessageType::SetLogLevel, "SetLogLevel"},
    Row{MessageType::Shutdown, "Shutdown"},
    Row{MessageType::SnapshotBegin, "SnapshotBegin"},
    Row{MessageType::SnapshotApp, "SnapshotApp"},
    Row{MessageType::SnapshotInstances, "SnapshotInstances"},
    Row{MessageType::SnapshotEnd, "SnapshotEnd"},
    Row{MessageType::SnapshotApplied, "SnapshotApplied"},
    Row{MessageType::SnapshotRemoved, "SnapshotRemoved"},
    Row{MessageType::SnapshotTarget, "SnapshotTarget"},
    Row{MessageType::Status, "Status"},
    Row{MessageType::ProcessStatus, "ProcessStatus"},
    Row{MessageType::SourceStatus, "SourceStatus"},
};

} // namespace

std::optional<MessageType> toMessageType(std::uint16_t number) noexcept {
    for (const Row& row : kRows)
        if (static_cast<std::uint16_t>(row.type) == number)
            return row.type;
    return std::nullopt;
}

std::string_view toString(MessageType type) noexcept {
    for (const Row& row : kRows)
        if (row.type == type)
            return row.name;
    return "?";
}

} // namespace mmsd::protocol
