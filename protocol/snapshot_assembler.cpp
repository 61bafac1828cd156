// SPDX-License-Identifier: MIT
// SnapshotAssembler: checks a transaction and shares what did not change.
#include "protocol/snapshot_assembler.h"

#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "protocol/state_codec.h"
#include "protocol/wire_reader.h"

#include <algorithm>
#include <string>
#include <utility>

namespace mmsd::protocol {

/** What a transaction has brought so far; the app under way is kept as bytes until it is whole. */
struct SnapshotAssembler::Pending {
    Pending(const FrameView& begin, const Snapshot* previous,
            const std::vector<std::uint64_t>& previousChecksums);

    void takeApp(PayloadView payload);
    void takeInstances(PayloadView payload);
    void finish(const SnapshotEnd& end);

    std::shared_ptr<Snapshot> snapshot = std::make_shared<Snapshot>();
    std::vector<std::uint64_t> appChecksums;

private:
    void count(PayloadView payload);
    void finishApp();
    [[nodiscard]] std::shared_ptr<const App> decode() const;
    /** The same app of the last snapshot, if its bytes were the same. */
    [[nodiscard]] std::shared_ptr<const App> findUnchanged();

    const Snapshot* previous_;
    const std::vector<std::uint64_t>& previousChecksums_;
    std::size_t cursor_ = 0; ///< in previous_->apps: both lists rise
    std::size_t payloadBytes_ = 0;
    std::size_t instanceCount_ = 0;
    Checksum checksum_;

    std::vector<Payload> payloads_; ///< of the app under way; empty = none
    Checksum appChecksum_;
};

SnapshotAssembler::Pending::Pending(const FrameView& begin, const Snapshot* previous,
                                    const std::vector<std::uint64_t>& previousChecksums)
    : previous_{previous}, previousChecksums_{previousChecksums} {
    if (begin.header.generation == 0)
        throw ProtocolError{"snapshot without a generation"};
    snapshot->generation = begin.header.generation;
    snapshot->begin = decodeSnapshotBegin(begin.payload);
}

void SnapshotAssembler::Pending::count(PayloadView payload) {
    payloadBytes_ += payload.size();
    if (payloadBytes_ > snapshot->begin.payloadBytes)
        throw ProtocolError{"snapshot is larger than announced"};
    const std::uint64_t digest = Checksum::digest(payload);
    checksum_.add(digest);
    appChecksum_.add(digest);
    payloads_.emplace_back(payload.begin(), payload.end());
}

void SnapshotAssembler::Pending::takeApp(PayloadView payload) {
    finishApp();
    if (snapshot->apps.size() == snapshot->begin.appCount)
        throw ProtocolError{"snapshot has more apps than announced"};
    count(payload);
}

void SnapshotAssembler::Pending::takeInstances(PayloadView payload) {
    if (payloads_.empty())
        throw ProtocolError{"instances without an app"};
    count(payload);
}

std::shared_ptr<const App> SnapshotAssembler::Pending::findUnchanged() {
    if (previous_ == nullptr)
        return nullptr;
    const std::string_view id = WireReader{payloads_.front()}.string(kMaxAppId);
    const auto& apps = previous_->apps;
    while (cursor_ < apps.size() && apps[cursor_]->id < id)
        ++cursor_;
    const bool isSame = cursor_ < apps.size() && apps[cursor_]->id == id &&
                        previousChecksums_[cursor_] == appChecksum_.value();
    return isSame ? apps[cursor_] : nullptr;
}

std::shared_ptr<const App> SnapshotAssembler::Pending::decode() const {
    DecodedApp decoded = decodeApp(payloads_.front());
    for (const Payload& payload : std::span{payloads_}.subspan(1))
        decodeInstances(payload, decoded.app);
    if (decoded.app.instances.size() != decoded.instanceCount)
        throw ProtocolError{"app " + decoded.app.id + " has other instances than announced"};
    return std::make_shared<const App>(std::move(decoded.app));
}

void SnapshotAssembler::Pending::finishApp() {
    if (payloads_.empty())
        return;
    auto app = findUnchanged();
    if (!app)
        app = decode();
    if (!snapshot->apps.empty() && app->id <= snapshot->apps.back()->id)
        throw ProtocolError{"apps are not in rising order of their ids"};
    instanceCount_ += app->instances.size();
    if (instanceCount_ > snapshot->begin.instanceCount)
        throw ProtocolError{"snapshot has more instances than announced"};
    snapshot->apps.push_back(std::move(app));
    appChecksums.push_back(appChecksum_.value());
    payloads_.clear();
    appChecksum_ = {};
}

void SnapshotAssembler::Pending::finish(const SnapshotEnd& end) {
    finishApp();
    const SnapshotBegin& begin = snapshot->begin;
    if (end.appCount != begin.appCount || end.instanceCount != begin.instanceCount ||
        end.payloadBytes != begin.payloadBytes)
        throw ProtocolError{"SnapshotBegin and SnapshotEnd differ"};
    if (snapshot->apps.size() != end.appCount || instanceCount_ != end.instanceCount ||
        payloadBytes_ != end.payloadBytes)
        throw ProtocolError{"snapshot is not what was announced"};
    if (checksum_.value() != end.checksum)
        throw ProtocolError{"snapshot has the wrong checksum"};
}

void SnapshotAssembler::PendingDeleter::operator()(Pending* pending) const noexcept {
    delete pending;
}

std::shared_ptr<const Snapshot> SnapshotAssembler::take(const FrameView& frame) {
    auto pending = std::exchange(pending_, nullptr);
    if (frame.header.type == MessageType::SnapshotBegin) {
        pending_.reset(new Pending{frame, last_.get(), lastChecksums_});
        return nullptr;
    }
    if (!pending)
        throw ProtocolError{std::string{toString(frame.header.type)} + " outside a snapshot"};
    if (frame.header.generation != pending->snapshot->generation)
        throw ProtocolError{"generation changes inside a snapshot"};

    switch (frame.header.type) {
    case MessageType::SnapshotApp:
        pending->takeApp(frame.payload);
        break;
    case MessageType::SnapshotInstances:
        pending->takeInstances(frame.payload);
        break;
    case MessageType::SnapshotEnd:
        pending->finish(decodeSnapshotEnd(frame.payload));
        last_ = std::move(pending->snapshot);
        lastChecksums_ = std::move(pending->appChecksums);
        return last_;
    default:
        throw ProtocolError{std::string{toString(frame.header.type)} + " is no snapshot frame"};
    }
    pending_ = std::move(pending);
    return nullptr;
}

std::shared_ptr<const Snapshot> decodeSnapshotFile(std::span<const std::byte> bytes) {
    if (bytes.size() > kMaxSnapshotBytes)
        throw ProtocolError{"snapshot file is too large"};
    SnapshotAssembler assembler;
    while (const auto frame = takeFrame(bytes))
        if (auto snapshot = assembler.take(*frame)) {
            if (!bytes.empty())
                throw ProtocolError{"snapshot file goes on behind SnapshotEnd"};
            return snapshot;
        }
    throw ProtocolError{"snapshot file is not complete"};
}

} // namespace mmsd::protocol
