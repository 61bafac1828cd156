// SPDX-License-Identifier: MIT
// The table of who may send what, and when.
#include "protocol/message_gate.h"

#include "protocol/protocol_error.h"

#include <algorithm>
#include <array>
#include <string>

namespace mmsd::protocol {

namespace {

enum class Generation : std::uint8_t {
    Zero,    ///< control message
    Named,   ///< that of some snapshot: not 0
    Rising,  ///< Begin names one that is not below the last completed one
    Current, ///< the same as Begin's
};

/** Phases in which a message may come. */
constexpr std::uint8_t kOpening = 1 << static_cast<int>(GatePhase::Opening);
constexpr std::uint8_t kIdle = 1 << static_cast<int>(GatePhase::Idle);
constexpr std::uint8_t kInSnapshot = 1 << static_cast<int>(GatePhase::InSnapshot);
constexpr std::uint8_t kOpen = kIdle | kInSnapshot;

struct Row {
    Sender sender;
    MessageType type;
    std::uint8_t phases;
    Generation generation;
};

using enum MessageType;

constexpr std::array kRows{
    Row{Sender::Supervisor, Hello, kOpening, Generation::Zero},
    Row{Sender::Supervisor, Ping, kOpen, Generation::Zero},
    Row{Sender::Supervisor, Reapply, kOpen, Generation::Zero},
    Row{Sender::Supervisor, SetLogLevel, kOpen, Generation::Zero},
    Row{Sender::Supervisor, Shutdown, kOpen, Generation::Zero},
    Row{Sender::Supervisor, Status, kOpen, Generation::Zero},
    Row{Sender::Supervisor, ProcessStatus, kOpen, Generation::Zero},
    Row{Sender::Supervisor, SnapshotBegin, kOpen, Generation::Named},
    Row{Sender::Supervisor, SnapshotApp, kInSnapshot, Generation::Current},
    Row{Sender::Supervisor, SnapshotInstances, kInSnapshot, Generation::Current},
    Row{Sender::Supervisor, SnapshotRemoved, kInSnapshot, Generation::Current},
    Row{Sender::Supervisor, SnapshotEnd, kInSnapshot, Generation::Current},
    Row{Sender::Supervisor, SnapshotTarget, kIdle, Generation::Named},

    Row{Sender::Watcher, Ready, kOpening, Generation::Zero},
    Row{Sender::Watcher, Pong, kOpen, Generation::Zero},
    Row{Sender::Watcher, Status, kOpen, Generation::Zero},
    Row{Sender::Watcher, SourceStatus, kOpen, Generation::Zero},
    Row{Sender::Watcher, SnapshotBegin, kOpen, Generation::Rising},
    Row{Sender::Watcher, SnapshotApp, kInSnapshot, Generation::Current},
    Row{Sender::Watcher, SnapshotInstances, kInSnapshot, Generation::Current},
    Row{Sender::Watcher, SnapshotRemoved, kInSnapshot, Generation::Current},
    Row{Sender::Watcher, SnapshotEnd, kInSnapshot, Generation::Current},

    Row{Sender::Worker, Ready, kOpening, Generation::Zero},
    Row{Sender::Worker, Pong, kOpen, Generation::Zero},
    Row{Sender::Worker, Status, kOpen, Generation::Zero},
    Row{Sender::Worker, SnapshotApplied, kOpen, Generation::Named},
};

std::string_view toString(GatePhase phase) noexcept {
    constexpr std::array<std::string_view, 3> kNames{"before the opening", "between snapshots",
                                                     "inside a snapshot"};
    return kNames.at(static_cast<std::size_t>(phase));
}

} // namespace

void MessageGate::admit(const FrameHeader& header) {
    const auto* const row = std::ranges::find_if(kRows, [&](const Row& candidate) {
        return candidate.sender == sender_ && candidate.type == header.type;
    });
    const auto refuse = [&](std::string_view why) {
        throw ProtocolError{std::string{toString(header.type)} + " " + std::string{why}};
    };
    if (row == kRows.end())
        refuse("is not for this peer to send");
    if ((row->phases & (1 << static_cast<int>(phase_))) == 0)
        refuse("is not allowed " + std::string{toString(phase_)});

    const bool isExpected = [&] {
        switch (row->generation) {
        case Generation::Zero:
            return header.generation == 0;
        case Generation::Named:
            return header.generation != 0;
        case Generation::Rising:
            return header.generation != 0 && header.generation >= completed_;
        case Generation::Current:
            return header.generation == generation_;
        }
        return false;
    }();
    if (!isExpected)
        refuse("has the wrong generation " + std::to_string(header.generation));

    if (header.type == SnapshotBegin) {
        phase_ = GatePhase::InSnapshot;
        generation_ = header.generation;
    } else if (header.type == SnapshotEnd) {
        phase_ = GatePhase::Idle;
        completed_ = generation_;
    } else if (phase_ == GatePhase::Opening) {
        phase_ = GatePhase::Idle;
    }
}

} // namespace mmsd::protocol
