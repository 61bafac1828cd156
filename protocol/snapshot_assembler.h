// SPDX-License-Identifier: MIT
// SnapshotAssembler: frames of a transaction in, a whole Snapshot out. Pure.
#pragma once

#include "protocol/checksum.h"
#include "protocol/frame.h"
#include "protocol/state.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mmsd::protocol {

/** Builds aside and swaps at the end. Apps whose bytes did not change since the last complete
 *  snapshot are shared with it instead of decoded again. */
class SnapshotAssembler {
public:
    SnapshotAssembler() = default;
    SnapshotAssembler(const SnapshotAssembler&) = delete;
    SnapshotAssembler& operator=(const SnapshotAssembler&) = delete;

    /** Takes one Snapshot* frame (not SnapshotApplied).
     *  @return the snapshot, when this frame completed it
     *  @throws ProtocolError on order, counts, checksum or content; the unfinished one is dropped
     */
    [[nodiscard]] std::shared_ptr<const Snapshot> take(const FrameView& frame);

    [[nodiscard]] const std::shared_ptr<const Snapshot>& last() const noexcept { return last_; }

private:
    struct Pending; // the transaction under way
    struct PendingDeleter {
        void operator()(Pending* pending) const noexcept;
    };
    std::unique_ptr<Pending, PendingDeleter> pending_;
    std::shared_ptr<const Snapshot> last_;
    /** Checksum of the bytes of each app of last_, by position. */
    std::vector<std::uint64_t> lastChecksums_;
};

/** Reads a file of frames (snapshot.bin, make_snapshot's output) that holds one transaction.
 *  @throws ProtocolError if it is no complete, current-version snapshot */
[[nodiscard]] std::shared_ptr<const Snapshot> decodeSnapshotFile(std::span<const std::byte> bytes);

} // namespace mmsd::protocol
