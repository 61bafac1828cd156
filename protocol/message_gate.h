// SPDX-License-Identifier: MIT
// MessageGate: a table of who may send what, and when.
#pragma once

#include "protocol/frame.h"

namespace mmsd::protocol {

/** Whose frames are judged. */
enum class Sender : std::uint8_t {
    Supervisor, ///< to any process
    Watcher,    ///< to the supervisor
    Worker,     ///< to the supervisor
};

enum class GatePhase : std::uint8_t {
    Opening,    ///< before the peer's first message
    Idle,       ///< between snapshots
    InSnapshot, ///< after SnapshotBegin
};

/** Remembers the phase of one peer and admits or refuses its frames. */
class MessageGate {
public:
    explicit MessageGate(Sender sender) noexcept : sender_{sender} {}

    /** @throws ProtocolError naming type and phase if the frame is not allowed now */
    void admit(const FrameHeader& header);

    /** True after the peer's first message (Hello or Ready). */
    [[nodiscard]] bool isOpen() const noexcept { return phase_ != GatePhase::Opening; }

private:
    Sender sender_;
    GatePhase phase_ = GatePhase::Opening;
    std::uint64_t generation_ = 0; ///< of the transaction under way
    std::uint64_t completed_ = 0;  ///< of the last one that ended
};

} // namespace mmsd::protocol
