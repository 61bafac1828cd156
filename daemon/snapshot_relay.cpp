// SPDX-License-Identifier: MIT
// Store and forward of snapshots.
#include "daemon/snapshot_relay.h"

#include "common/file_io.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace mmsd::supervisor {

using protocol::MessageType;
using protocol::ProtocolError;

namespace {

/** Octets: what 10 000 apps with 10 instances each need. */
constexpr std::uint64_t kMostReserved = 32u << 20;
/** A watcher that jumps further ahead would leave no numbers for its successors. */
constexpr std::uint64_t kMostSkipped = std::uint64_t{1} << 32;

} // namespace

bool SnapshotRelay::take(const protocol::FrameView& frame) {
    try {
        if (frame.header.type == MessageType::SnapshotBegin)
            begin(frame);
        append(frame);
        if (frame.header.type != MessageType::SnapshotEnd)
            return false;
        end(frame);
    } catch (...) {
        pending_.reset();
        throw;
    }
    generation_ = frame.header.generation;
    newest_ = std::make_shared<const std::vector<std::byte>>(std::move(pending_->frames));
    pending_.reset();
    return true;
}

void SnapshotRelay::restore(int file) {
    ::lseek(file, 0, SEEK_SET);
    const std::string content = readOpenFile(file, "the snapshot", protocol::kMaxSnapshotBytes);
    std::span<const std::byte> rest = std::as_bytes(std::span{content});
    while (const auto frame = protocol::takeFrame(rest))
        take(*frame);
}

void SnapshotRelay::begin(const protocol::FrameView& frame) {
    if (frame.header.generation <= generation_ ||
        frame.header.generation - generation_ > kMostSkipped)
        throw ProtocolError{"snapshot " + std::to_string(frame.header.generation) +
                            " does not follow " + std::to_string(generation_)};
    pending_ = Transaction{.begin = protocol::decodeSnapshotBegin(frame.payload)};
    // A hint only: what is announced may never come. Apps have one frame each, and most of them
    // one more for their instances.
    pending_->frames.reserve(
        std::min(kMostReserved, pending_->begin.payloadBytes +
                                    (pending_->begin.appCount + 1) * 2 * protocol::kHeaderSize));
}

void SnapshotRelay::append(const protocol::FrameView& frame) {
    if (!pending_)
        throw ProtocolError{"snapshot frame outside a transaction"};
    Transaction& pending = *pending_;
    const bool isApp = frame.header.type == MessageType::SnapshotApp;
    if (isApp || frame.header.type == MessageType::SnapshotInstances) {
        pending.appCount += isApp ? 1 : 0;
        pending.payloadBytes += frame.payload.size();
        pending.checksum.update(frame.payload);
    }
    const std::size_t size = pending.frames.size() + protocol::kHeaderSize + frame.payload.size();
    if (pending.appCount > pending.begin.appCount ||
        pending.payloadBytes > pending.begin.payloadBytes || size > protocol::kMaxSnapshotBytes)
        throw ProtocolError{"snapshot is larger than announced or allowed"};
    protocol::appendFrame(pending.frames, frame.header.type, frame.header.generation,
                          frame.payload);
}

void SnapshotRelay::end(const protocol::FrameView& frame) {
    const Transaction& pending = *pending_;
    const protocol::SnapshotEnd end = protocol::decodeSnapshotEnd(frame.payload);
    if (end.appCount != pending.begin.appCount || end.appCount != pending.appCount ||
        end.instanceCount != pending.begin.instanceCount ||
        end.payloadBytes != pending.begin.payloadBytes || end.payloadBytes != pending.payloadBytes)
        throw ProtocolError{"snapshot does not have what it announced"};
    if (end.checksum != pending.checksum.value())
        throw ProtocolError{"snapshot has the wrong checksum"};
}

protocol::SharedFrames SnapshotDelivery::next(const SnapshotRelay& relay) {
    if (isInFlight_ || relay.generation() == sent_)
        return nullptr;
    sent_ = relay.generation();
    isInFlight_ = true;
    return relay.newest();
}

bool SnapshotDelivery::acknowledge(std::uint64_t generation) {
    if (generation == 0 || generation != sent_)
        throw ProtocolError{"acknowledged snapshot " + std::to_string(generation) +
                            " was not the last one sent"};
    hasAcknowledged_ = true;
    return std::exchange(isInFlight_, false);
}

} // namespace mmsd::supervisor
