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

} // namespace

bool SnapshotRelay::take(const protocol::FrameView& frame) {
    try {
        if (frame.header.type == MessageType::SnapshotBegin)
            begin(frame);
        append(frame);
        if (frame.header.type != MessageType::SnapshotEnd)
            return false;
        return end(frame);
    } catch (...) {
        pending_.reset();
        throw;
    }
}

SnapshotChain SnapshotRelay::chainFrom(std::uint64_t generation) const noexcept {
    // Of what is older than the whole state at the front, everything is behind it.
    return {std::ranges::upper_bound(chain_, generation, {}, &SnapshotLink::generation),
            chain_.end()};
}

void SnapshotRelay::restore(int file) {
    ::lseek(file, 0, SEEK_SET);
    const std::string content = readOpenFile(file, "the snapshot", protocol::kMaxSnapshotBytes);
    std::span<const std::byte> rest = std::as_bytes(std::span{content});
    while (const auto frame = protocol::takeFrame(rest))
        take(*frame);
}

void SnapshotRelay::begin(const protocol::FrameView& frame) {
    const std::uint64_t generation = frame.header.generation;
    pending_ = Transaction{.begin = protocol::decodeSnapshotBegin(frame.payload)};
    const std::uint64_t base = pending_->begin.base;
    // The same one again is the newest state as a whole, in place of what led to it.
    const bool isWhole = base == 0 && generation >= generation_ && generation != 0;
    const bool isChange = base != 0 && base == generation_ && generation > base &&
                          chain_.size() < protocol::kMaxChain;
    if ((!isWhole && !isChange) || generation - generation_ > protocol::kMaxGenerationStep)
        throw ProtocolError{"snapshot " + std::to_string(generation) + " does not follow " +
                            std::to_string(generation_)};
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
    const bool isEnd = frame.header.type == MessageType::SnapshotEnd;
    if (!isEnd && frame.header.type != MessageType::SnapshotBegin) {
        pending.appCount += frame.header.type == MessageType::SnapshotApp ? 1 : 0;
        pending.payloadBytes += frame.payload.size();
        pending.checksum.update(frame.payload);
    }
    const std::size_t size = pending.frames.size() + protocol::kHeaderSize + frame.payload.size();
    if (pending.appCount > pending.begin.appCount ||
        pending.payloadBytes > pending.begin.payloadBytes ||
        keptOctets() + size > protocol::kMaxSnapshotBytes)
        throw ProtocolError{"snapshot is larger than announced or allowed"};
    protocol::appendFrame(pending.frames, frame.header.type, frame.header.generation,
                          frame.payload);
}

bool SnapshotRelay::end(const protocol::FrameView& frame) {
    Transaction& pending = *pending_;
    const protocol::SnapshotEnd end = protocol::decodeSnapshotEnd(frame.payload);
    if (end.appCount != pending.begin.appCount || end.appCount != pending.appCount ||
        end.instanceCount != pending.begin.instanceCount ||
        end.payloadBytes != pending.begin.payloadBytes || end.payloadBytes != pending.payloadBytes)
        throw ProtocolError{"snapshot does not have what it announced"};
    if (end.checksum != pending.checksum.value())
        throw ProtocolError{"snapshot has the wrong checksum"};
    if (frame.header.generation == generation_ && end.state != totals_)
        throw ProtocolError{"snapshot is another one than before"};

    // What may run out of memory comes first: the chain is never without what leads to it.
    const bool isNew = frame.header.generation != generation_;
    const std::size_t octets = keptOctets() + pending.frames.size();
    SnapshotLink link{frame.header.generation,
                      std::make_shared<const std::vector<std::byte>>(std::move(pending.frames))};
    if (pending.begin.base == 0)
        chain_ = {std::move(link)};
    else
        chain_.push_back(std::move(link));
    generation_ = frame.header.generation;
    totals_ = end.state;
    octets_ = octets;
    pending_.reset();
    return isNew;
}

SnapshotChain SnapshotDelivery::next(const SnapshotRelay& relay) {
    if (isInFlight_ || relay.generation() == sent_)
        return {};
    sent_ = relay.generation();
    isInFlight_ = true;
    return relay.chainFrom(base_);
}

bool SnapshotDelivery::acknowledge(std::uint64_t generation, bool isTaken) {
    if (generation == 0 || generation != sent_)
        throw ProtocolError{"acknowledged snapshot " + std::to_string(generation) +
                            " was not the last one sent"};
    base_ = isTaken ? generation : 0;
    hasAcknowledged_ = true;
    return std::exchange(isInFlight_, false);
}

} // namespace mmsd::supervisor
