// SPDX-License-Identifier: MIT
// SnapshotAssembler: checks a transaction and shares what did not change.
#include "protocol/snapshot_assembler.h"

#include "protocol/checksum.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "protocol/state_codec.h"
#include "protocol/wire_reader.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace mmsd::protocol {

/** What a transaction has brought so far; the app under way is kept as bytes until it is whole. */
class SnapshotAssembler::Transaction {
public:
    /** Borrows the state that it changes, or has apps in common with. */
    Transaction(const FrameView& begin, const SnapshotAssembler& state);

    void take(const FrameView& frame);
    /** Checks everything; only commit() is left. */
    void finish(const SnapshotEnd& end);
    void commit(SnapshotAssembler& state) noexcept;

private:
    /** An app that came, in the order of the state that it goes into. */
    struct Change {
        std::size_t place = 0; ///< in the state before: of the app of that id, or of the next one
        bool isKnown = false;  ///< there is one of that id
        Entry entry{};         ///< without an app: it goes
    };

    void takeApp(PayloadView payload);
    void takeInstances(PayloadView payload);
    void takeRemoved(PayloadView payload);
    void count(PayloadView payload);
    void finishApp();
    void add(Change change);
    [[nodiscard]] Change locate(std::string_view id);
    [[nodiscard]] std::shared_ptr<const App> decode() const;

    const std::vector<Entry>& before_;
    std::uint64_t generation_;
    SnapshotBegin begin_;
    bool isWhole_;
    StateTotals totals_; ///< of the state after it
    std::vector<Change> changes_;
    std::vector<Entry> next_;
    std::size_t cursor_ = 0; ///< in before_, as both rise
    std::string lastId_;

    std::uint32_t appCount_ = 0;
    std::size_t instanceCount_ = 0;
    std::size_t payloadBytes_ = 0;
    Checksum checksum_;

    std::vector<Payload> payloads_; ///< of the app under way; empty = none
    Checksum appChecksum_;
};

SnapshotAssembler::Transaction::Transaction(const FrameView& begin, const SnapshotAssembler& state)
    : before_{state.entries_}, generation_{begin.header.generation},
      begin_{decodeSnapshotBegin(begin.payload)}, isWhole_{begin_.base == 0} {
    if (generation_ == 0)
        throw ProtocolError{"snapshot without a generation"};
    if (isWhole_)
        return;
    if (begin_.base != state.generation_)
        throw ProtocolError{"snapshot changes generation " + std::to_string(begin_.base) +
                            ", and " + std::to_string(state.generation_) + " is here"};
    totals_ = state.totals_;
}

void SnapshotAssembler::Transaction::take(const FrameView& frame) {
    if (frame.header.generation != generation_)
        throw ProtocolError{"generation changes inside a snapshot"};
    switch (frame.header.type) {
    case MessageType::SnapshotApp:
        return takeApp(frame.payload);
    case MessageType::SnapshotInstances:
        return takeInstances(frame.payload);
    case MessageType::SnapshotRemoved:
        return takeRemoved(frame.payload);
    case MessageType::SnapshotEnd:
        return finish(decodeSnapshotEnd(frame.payload));
    default:
        throw ProtocolError{std::string{toString(frame.header.type)} + " is no snapshot frame"};
    }
}

void SnapshotAssembler::Transaction::count(PayloadView payload) {
    payloadBytes_ += payload.size();
    if (payloadBytes_ > begin_.payloadBytes)
        throw ProtocolError{"snapshot is larger than announced"};
    const std::uint64_t digest = Checksum::digest(payload);
    checksum_.add(digest);
    appChecksum_.add(digest);
}

void SnapshotAssembler::Transaction::takeApp(PayloadView payload) {
    finishApp();
    if (appCount_++ == begin_.appCount)
        throw ProtocolError{"snapshot has more apps than announced"};
    appChecksum_ = {};
    count(payload);
    payloads_.emplace_back(payload.begin(), payload.end());
}

void SnapshotAssembler::Transaction::takeInstances(PayloadView payload) {
    if (payloads_.empty())
        throw ProtocolError{"instances without an app"};
    count(payload);
    payloads_.emplace_back(payload.begin(), payload.end());
}

void SnapshotAssembler::Transaction::takeRemoved(PayloadView payload) {
    finishApp();
    count(payload);
    const std::string id = decodeRemoved(payload);
    Change change = locate(id);
    if (isWhole_ || !change.isKnown)
        throw ProtocolError{"app " + id + " is to be removed and is not there"};
    add(std::move(change));
}

SnapshotAssembler::Transaction::Change SnapshotAssembler::Transaction::locate(std::string_view id) {
    if (!lastId_.empty() && id <= lastId_)
        throw ProtocolError{"apps are not in rising order of their ids"};
    lastId_ = id;
    const auto from = before_.begin() + static_cast<std::ptrdiff_t>(cursor_);
    // A whole state is mostly what it was: then each app is right where the last one ended.
    const auto place =
        from == before_.end() || from->app->id >= id
            ? from
            : std::lower_bound(from, before_.end(), id, [](const Entry& entry, auto wanted) {
                  return entry.app->id < wanted;
              });
    const bool isKnown = place != before_.end() && place->app->id == id;
    cursor_ = static_cast<std::size_t>(place - before_.begin());
    return {.place = isKnown ? cursor_++ : cursor_, .isKnown = isKnown};
}

std::shared_ptr<const App> SnapshotAssembler::Transaction::decode() const {
    DecodedApp decoded = decodeApp(payloads_.front());
    for (const Payload& payload : std::span{payloads_}.subspan(1))
        decodeInstances(payload, decoded.app);
    if (decoded.app.instances.size() != decoded.instanceCount)
        throw ProtocolError{"app " + decoded.app.id + " has other instances than announced"};
    return std::make_shared<const App>(std::move(decoded.app));
}

void SnapshotAssembler::Transaction::finishApp() {
    if (payloads_.empty())
        return;
    Change change = locate(WireReader{payloads_.front()}.string(kMaxAppId));
    change.entry.checksum = appChecksum_.value();
    const bool isSame = change.isKnown && before_[change.place].checksum == change.entry.checksum;
    change.entry.app = isSame ? before_[change.place].app : decode();
    payloads_.clear();
    instanceCount_ += change.entry.app->instances.size();
    if (instanceCount_ > begin_.instanceCount)
        throw ProtocolError{"snapshot has more instances than announced"};
    add(std::move(change));
}

void SnapshotAssembler::Transaction::add(Change change) {
    const auto instancesOf = [](const Entry& entry) {
        return static_cast<std::uint32_t>(entry.app->instances.size());
    };
    if (change.isKnown && !isWhole_) {
        const Entry& old = before_[change.place];
        --totals_.appCount;
        totals_.instanceCount -= instancesOf(old);
        totals_.checksum -= old.checksum;
    }
    if (change.entry.app) {
        ++totals_.appCount;
        totals_.instanceCount += instancesOf(change.entry);
        totals_.checksum += change.entry.checksum;
    }
    changes_.push_back(std::move(change));
}

void SnapshotAssembler::Transaction::finish(const SnapshotEnd& end) {
    finishApp();
    if (end.appCount != begin_.appCount || end.instanceCount != begin_.instanceCount ||
        end.payloadBytes != begin_.payloadBytes)
        throw ProtocolError{"SnapshotBegin and SnapshotEnd differ"};
    if (appCount_ != end.appCount || instanceCount_ != end.instanceCount ||
        payloadBytes_ != end.payloadBytes)
        throw ProtocolError{"snapshot is not what was announced"};
    if (checksum_.value() != end.checksum)
        throw ProtocolError{"snapshot has the wrong checksum"};
    if (totals_ != end.state)
        throw ProtocolError{"snapshot leads to another state than it says"};
    next_.reserve(totals_.appCount);
}

void SnapshotAssembler::Transaction::commit(SnapshotAssembler& state) noexcept {
    std::vector<Entry>& before = state.entries_;
    std::size_t place = 0;
    const auto keepUpTo = [&](std::size_t end) {
        for (; !isWhole_ && place < end; ++place)
            next_.push_back(std::move(before[place]));
    };
    for (Change& change : changes_) {
        keepUpTo(change.place);
        place += change.isKnown ? 1 : 0;
        if (change.entry.app)
            next_.push_back(std::move(change.entry));
    }
    keepUpTo(before.size());
    before.swap(next_);
    state.generation_ = generation_;
    state.begin_ = std::move(begin_);
    state.totals_ = totals_;
    state.last_.reset();
}

void SnapshotAssembler::TransactionDeleter::operator()(Transaction* transaction) const noexcept {
    delete transaction;
}

bool SnapshotAssembler::take(const FrameView& frame) {
    // An exception drops it.
    auto pending = std::exchange(pending_, nullptr);
    if (frame.header.type == MessageType::SnapshotBegin) {
        pending_.reset(new Transaction{frame, *this});
        return false;
    }
    if (!pending)
        throw ProtocolError{std::string{toString(frame.header.type)} + " outside a snapshot"};
    pending->take(frame);
    if (frame.header.type != MessageType::SnapshotEnd) {
        pending_ = std::move(pending);
        return false;
    }
    pending->commit(*this);
    return true;
}

const std::shared_ptr<const Snapshot>& SnapshotAssembler::last() {
    if (last_ || generation_ == 0)
        return last_;
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->generation = generation_;
    snapshot->begin = begin_;
    snapshot->instanceCount = totals_.instanceCount;
    snapshot->apps.reserve(entries_.size());
    for (const Entry& entry : entries_)
        snapshot->apps.push_back(entry.app);
    last_ = std::move(snapshot);
    return last_;
}

SnapshotFile decodeSnapshotFile(std::span<const std::byte> bytes) {
    if (bytes.size() > kMaxSnapshotBytes)
        throw ProtocolError{"snapshot file is too large"};
    SnapshotAssembler assembler;
    bool isComplete = false; // behind the last frame
    std::size_t transactions = 0;
    std::string flaw;
    try {
        while (const auto frame = takeFrame(bytes)) {
            isComplete = assembler.take(*frame);
            transactions += isComplete ? 1 : 0;
            if (isComplete && transactions == kMaxChain)
                break;
        }
        if (!bytes.empty() || !isComplete)
            flaw = isComplete ? "it has too many snapshots"
                              : "it ends in a snapshot that is not complete";
    } catch (const ProtocolError& error) {
        if (!assembler.last())
            throw;
        flaw = error.what();
    }
    if (!assembler.last())
        throw ProtocolError{"snapshot file is not complete"};
    return {assembler.last(), std::move(flaw)};
}

} // namespace mmsd::protocol
