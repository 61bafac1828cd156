// SPDX-License-Identifier: MIT
// Tests of MessageGate against the table of PROTOCOL.md, every cell of it.
#include "protocol/message_gate.h"
#include "protocol/protocol_error.h"
#include "tests/support/catch.h"

#include <map>
#include <string>

namespace mmsd::protocol {

namespace {

constexpr std::uint64_t kGeneration = 5;

bool isAdmitted(MessageGate& gate, MessageType type, std::uint64_t generation) {
    try {
        gate.admit({.length = 0, .type = type, .generation = generation});
        return true;
    } catch (const ProtocolError&) {
        return false;
    }
}

MessageType openingOf(Sender sender) {
    return sender == Sender::Supervisor ? MessageType::Hello : MessageType::Ready;
}

/** A gate in that phase; InSnapshot only for senders of snapshots. */
MessageGate gateIn(Sender sender, GatePhase phase) {
    MessageGate gate{sender};
    if (phase != GatePhase::Opening)
        gate.admit({.type = openingOf(sender)});
    if (phase == GatePhase::InSnapshot)
        gate.admit({.type = MessageType::SnapshotBegin, .generation = kGeneration});
    return gate;
}

/** Phases in which a type may come ("o" opening, "i" idle, "s" in snapshot), per sender. */
const std::map<Sender, std::map<MessageType, std::string>> kAllowed{
    {Sender::Supervisor,
     {{MessageType::Hello, "o"},
      {MessageType::Ping, "is"},
      {MessageType::Reapply, "is"},
      {MessageType::SetLogLevel, "is"},
      {MessageType::Shutdown, "is"},
      {MessageType::Status, "is"},
      {MessageType::ProcessStatus, "is"},
      {MessageType::SnapshotBegin, "is"},
      {MessageType::SnapshotApp, "s"},
      {MessageType::SnapshotInstances, "s"},
      {MessageType::SnapshotRemoved, "s"},
      {MessageType::SnapshotEnd, "s"},
      {MessageType::SnapshotTarget, "i"}}},
    {Sender::Watcher,
     {{MessageType::Ready, "o"},
      {MessageType::Pong, "is"},
      {MessageType::Status, "is"},
      {MessageType::SourceStatus, "is"},
      {MessageType::SnapshotBegin, "is"},
      {MessageType::SnapshotApp, "s"},
      {MessageType::SnapshotInstances, "s"},
      {MessageType::SnapshotRemoved, "s"},
      {MessageType::SnapshotEnd, "s"}}},
    {Sender::Worker,
     {{MessageType::Ready, "o"},
      {MessageType::Pong, "i"},
      {MessageType::Status, "i"},
      {MessageType::SnapshotApplied, "i"}}},
};

bool carriesGeneration(MessageType type) {
    return type >= MessageType::SnapshotBegin && type <= MessageType::SnapshotTarget;
}

} // namespace

TEST_CASE("gate: admits what the table says, and nothing else", "[protocol][gate]") {
    const std::map<GatePhase, char> letters{
        {GatePhase::Opening, 'o'}, {GatePhase::Idle, 'i'}, {GatePhase::InSnapshot, 's'}};
    for (const auto& [sender, types] : kAllowed)
        for (const auto& [phase, letter] : letters) {
            if (sender == Sender::Worker && phase == GatePhase::InSnapshot)
                continue;
            for (std::uint16_t number = 0; number < 64; ++number) {
                const auto type = toMessageType(number);
                if (!type)
                    continue;
                const auto row = types.find(*type);
                const bool isAllowed =
                    row != types.end() && row->second.find(letter) != std::string::npos;
                MessageGate gate = gateIn(sender, phase);
                INFO("sender " << static_cast<int>(sender) << ", phase " << letter << ", "
                               << toString(*type));
                CHECK(isAdmitted(gate, *type, carriesGeneration(*type) ? kGeneration : 0) ==
                      isAllowed);
            }
        }
}

TEST_CASE("gate: opens with the first message, once", "[protocol][gate]") {
    for (const Sender sender : {Sender::Supervisor, Sender::Watcher, Sender::Worker}) {
        MessageGate gate{sender};
        CHECK_FALSE(gate.isOpen());
        CHECK(isAdmitted(gate, openingOf(sender), 0));
        CHECK(gate.isOpen());
        CHECK_FALSE(isAdmitted(gate, openingOf(sender), 0));
    }
}

TEST_CASE("gate: a control message carries no generation", "[protocol][gate]") {
    MessageGate gate = gateIn(Sender::Supervisor, GatePhase::InSnapshot);
    CHECK_FALSE(isAdmitted(gate, MessageType::Ping, kGeneration));
    CHECK(isAdmitted(gate, MessageType::Ping, 0));
    MessageGate fresh{Sender::Supervisor};
    CHECK_FALSE(isAdmitted(fresh, MessageType::Hello, 1));
}

TEST_CASE("gate: SnapshotApplied names a snapshot", "[protocol][gate]") {
    MessageGate gate = gateIn(Sender::Worker, GatePhase::Idle);
    CHECK_FALSE(isAdmitted(gate, MessageType::SnapshotApplied, 0));
    CHECK(isAdmitted(gate, MessageType::SnapshotApplied, 1));
}

TEST_CASE("gate: a snapshot keeps the generation of its Begin", "[protocol][gate]") {
    for (const Sender sender : {Sender::Supervisor, Sender::Watcher}) {
        MessageGate gate = gateIn(sender, GatePhase::InSnapshot);
        for (const MessageType type :
             {MessageType::SnapshotApp, MessageType::SnapshotInstances, MessageType::SnapshotEnd})
            for (const std::uint64_t other : {std::uint64_t{0}, kGeneration - 1, kGeneration + 1})
                CHECK_FALSE(isAdmitted(gate, type, other));
        CHECK(isAdmitted(gate, MessageType::SnapshotApp, kGeneration));
        CHECK(isAdmitted(gate, MessageType::SnapshotEnd, kGeneration));
        CHECK_FALSE(isAdmitted(gate, MessageType::SnapshotEnd, kGeneration));
    }
}

TEST_CASE("gate: control messages may come between snapshot frames", "[protocol][gate]") {
    MessageGate gate = gateIn(Sender::Watcher, GatePhase::InSnapshot);
    CHECK(isAdmitted(gate, MessageType::SnapshotApp, kGeneration));
    CHECK(isAdmitted(gate, MessageType::Pong, 0));
    CHECK(isAdmitted(gate, MessageType::SnapshotInstances, kGeneration));
}

TEST_CASE("gate: Begin drops an unfinished snapshot", "[protocol][gate]") {
    MessageGate gate = gateIn(Sender::Watcher, GatePhase::InSnapshot);
    CHECK(isAdmitted(gate, MessageType::SnapshotBegin, kGeneration + 1));
    CHECK_FALSE(isAdmitted(gate, MessageType::SnapshotApp, kGeneration));
    CHECK(isAdmitted(gate, MessageType::SnapshotApp, kGeneration + 1));
}

TEST_CASE("gate: the watcher's completed generations never fall", "[protocol][gate]") {
    MessageGate gate = gateIn(Sender::Watcher, GatePhase::InSnapshot);
    // Unfinished: the same number may be tried again.
    CHECK(isAdmitted(gate, MessageType::SnapshotBegin, kGeneration));
    CHECK(isAdmitted(gate, MessageType::SnapshotEnd, kGeneration));
    // Ended: the same once more is that state as a whole.
    CHECK(isAdmitted(gate, MessageType::SnapshotBegin, kGeneration));
    CHECK(isAdmitted(gate, MessageType::SnapshotEnd, kGeneration));
    CHECK_FALSE(isAdmitted(gate, MessageType::SnapshotBegin, kGeneration - 1));
    CHECK(isAdmitted(gate, MessageType::SnapshotBegin, kGeneration + 1));
    MessageGate fresh = gateIn(Sender::Watcher, GatePhase::Idle);
    CHECK_FALSE(isAdmitted(fresh, MessageType::SnapshotBegin, 0));
}

TEST_CASE("gate: the supervisor may repeat a snapshot, but not number 0", "[protocol][gate]") {
    MessageGate gate = gateIn(Sender::Supervisor, GatePhase::InSnapshot);
    CHECK(isAdmitted(gate, MessageType::SnapshotEnd, kGeneration));
    CHECK(isAdmitted(gate, MessageType::SnapshotBegin, kGeneration));
    CHECK_FALSE(isAdmitted(gate, MessageType::SnapshotBegin, 0));
}

TEST_CASE("gate: says what was wrong", "[protocol][gate]") {
    MessageGate gate{Sender::Worker};
    CHECK_THROWS_WITH(gate.admit({.type = MessageType::Pong}),
                      "Pong is not allowed before the opening");
    CHECK_THROWS_WITH(gate.admit({.type = MessageType::SnapshotEnd}),
                      "SnapshotEnd is not for this peer to send");
}

} // namespace mmsd::protocol
