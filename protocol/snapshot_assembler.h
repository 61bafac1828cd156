// SPDX-License-Identifier: MIT
// SnapshotAssembler: frames of transactions in, a whole Snapshot out. Pure.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/frame.h"
#include "protocol/state.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mmsd::protocol {

/** Builds aside and swaps at the end of each transaction. Apps that a transaction does not bring,
 *  or whose bytes did not change, are the same objects as before. */
class SnapshotAssembler {
public:
    SnapshotAssembler() = default;
    SnapshotAssembler(const SnapshotAssembler&) = delete;
    SnapshotAssembler& operator=(const SnapshotAssembler&) = delete;

    /** Takes one frame of a transaction.
     *  @return true if it completed the transaction
     *  @throws ProtocolError on order, base, counts, checksum or content; the unfinished one is
     *          dropped, the state stays what it was */
    [[nodiscard]] bool take(const FrameView& frame);

    /** The state after the last complete transaction; null before the first. Made when asked for:
     *  of a row of transactions only the last one needs it. */
    [[nodiscard]] const std::shared_ptr<const Snapshot>& last();

private:
    /** An app of the state and the checksum of its bytes. */
    struct Entry {
        std::shared_ptr<const App> app;
        std::uint64_t checksum = 0;
    };
    class Transaction;
    struct TransactionDeleter {
        void operator()(Transaction* transaction) const noexcept;
    };

    std::unique_ptr<Transaction, TransactionDeleter> pending_;
    std::uint64_t generation_ = 0;
    SnapshotBegin begin_{};
    std::vector<Entry> entries_; ///< rising by id
    StateTotals totals_{};
    std::shared_ptr<const Snapshot> last_; ///< of generation_, or null
};

/** A file of frames (snapshot.bin, make_snapshot's output): a whole state, and what changed since.
 */
struct SnapshotFile {
    std::shared_ptr<const Snapshot> snapshot; ///< after the last transaction that is good
    /** Why what stands behind that one is not used, as after a torn write; "" = nothing does. */
    std::string flaw;
};

/** @throws ProtocolError if it does not begin with a whole state of the current version */
[[nodiscard]] SnapshotFile decodeSnapshotFile(std::span<const std::byte> bytes);

} // namespace mmsd::protocol
