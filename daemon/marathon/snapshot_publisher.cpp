// SPDX-License-Identifier: MIT
// SnapshotPublisher: encodes what changed and sends it as snapshots of rising generation.
#include "daemon/marathon/snapshot_publisher.h"

#include "common/log.h"
#include "daemon/marathon/state_file.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

/** What a process that starts has to take in, and the supervisor to keep, beside the last whole
 *  state: so many snapshots, and octets of them. */
constexpr std::size_t kMostChanges = 1'000;
constexpr std::size_t kLeastChangeBytes = std::size_t{1} << 20;

bool isSame(const protocol::EncodedApp& a, const protocol::EncodedApp& b) {
    return a.app == b.app && a.instances == b.instances;
}

std::size_t countServing(const protocol::App& app) {
    return static_cast<std::size_t>(
        std::ranges::count_if(app.instances, [](const auto& i) { return isServing(i); }));
}

} // namespace

SnapshotPublisher::SnapshotPublisher(Outlet& outlet, StateFile* file, std::uint64_t lastGeneration)
    : outlet_{outlet}, file_{file}, generation_{lastGeneration} {
    if (file_ != nullptr)
        file_->setWholeState([this] { return encodeWhole(); });
}

void SnapshotPublisher::restore(const protocol::Snapshot& snapshot) {
    for (const auto& app : snapshot.apps) {
        Entry entry{protocol::encodeApp(*app), countServing(*app)};
        count(entry, true);
        current_.insert_or_assign(app->id, std::move(entry));
    }
    // A younger watcher may have published after this file was written.
    isForced_ = generation_ > snapshot.generation;
    if (generation_ < snapshot.generation) {
        // The supervisor takes no number that leaves none for its successors.
        const bool isNear = snapshot.generation - generation_ <= protocol::kMaxGenerationStep;
        generation_ = isNear ? snapshot.generation : generation_ + 1;
        begin_ = snapshot.begin;
        sendWhole();
    }
}

void SnapshotPublisher::prepare(const AppStore::Change& change) {
    const auto current = current_.find(change.id);
    if (!change.app) {
        refusals_.erase(change.id);
        if (current == current_.end())
            next_.erase(change.id);
        else
            next_[change.id] = std::nullopt;
        return;
    }
    if (change.app->problems.empty())
        refusals_.erase(change.id);
    else
        refusals_[change.id] = change.app->problems;
    try {
        Entry entry{protocol::encodeApp(*change.app), countServing(*change.app)};
        if (current != current_.end() && isSame(current->second.encoded, entry.encoded))
            next_.erase(change.id);
        else
            next_[change.id] = std::move(entry);
    } catch (const protocol::ProtocolError& error) {
        logWarning("app cannot be published", {{"app", change.id}, {"reason", error.what()}});
        refusals_[change.id].push_back({protocol::kWholeApp, error.what()});
    }
}

void SnapshotPublisher::publish(const Cause& cause) {
    if (!hasChanges())
        return;
    const std::vector<protocol::EncodedChange> changes = takeNext();
    isForced_ = false;
    begin_.base = generation_++;
    begin_.observedAtUs = cause.observedAtUs;
    begin_.cause = cause.text;

    std::size_t changedBytes = 0;
    for (const protocol::EncodedChange& change : changes)
        changedBytes += change.app != nullptr ? change.app->payloadBytes() : 0;
    if (!hasSentWhole_ || changedBytes > bytes_ / 2)
        sendWhole();
    else
        sendChanges(changes);
    next_.clear();
    logDebug("snapshot published", {{"generation", generation_},
                                    {"apps", published_.apps},
                                    {"changed", changes.size()},
                                    {"serving", published_.serving},
                                    {"cause", cause.text}});
}

std::vector<protocol::EncodedChange> SnapshotPublisher::takeNext() {
    std::vector<protocol::EncodedChange> changes;
    changes.reserve(next_.size());
    for (auto& [id, entry] : next_) {
        const auto [place, isNew] = current_.try_emplace(id);
        if (!isNew)
            count(place->second, false);
        if (entry) {
            count(*entry, true);
            place->second = std::move(*entry);
            changes.push_back({id, &place->second.encoded});
        } else {
            current_.erase(place);
            changes.push_back({id, nullptr});
        }
    }
    return changes;
}

protocol::SharedFrames SnapshotPublisher::encodeWhole() const {
    std::vector<const protocol::EncodedApp*> apps;
    apps.reserve(current_.size());
    for (const auto& [id, entry] : current_)
        apps.push_back(&entry.encoded);
    return std::make_shared<const std::vector<std::byte>>(
        protocol::encodeSnapshot(generation_, begin_, apps));
}

void SnapshotPublisher::sendWhole() {
    const protocol::SharedFrames frames = encodeWhole();
    wholeBytesSent_ = frames->size();
    outlet_.sendSnapshot(frames);
    if (file_ != nullptr)
        file_->replace();
    hasSentWhole_ = true;
    changesSent_ = changeBytesSent_ = 0;
}

void SnapshotPublisher::sendChanges(const std::vector<protocol::EncodedChange>& changes) {
    const auto frames = std::make_shared<const std::vector<std::byte>>(
        protocol::encodeTransaction(generation_, begin_, changes, state_));
    // More than the supervisor keeps would end this process.
    if (wholeBytesSent_ + changeBytesSent_ + frames->size() > protocol::kMaxSnapshotBytes)
        return sendWhole();
    outlet_.sendSnapshot(frames);
    if (file_ != nullptr)
        file_->append(frames);
    changeBytesSent_ += frames->size();
    // Of the same generation: workers have it already, and get nothing.
    if (++changesSent_ == kMostChanges ||
        changeBytesSent_ > std::max(bytes_, kLeastChangeBytes) / 2)
        sendWhole();
}

std::size_t SnapshotPublisher::preparedServing() const noexcept {
    std::size_t serving = published_.serving;
    for (const auto& [id, entry] : next_) {
        if (const auto old = current_.find(id); old != current_.end())
            serving -= old->second.serving;
        if (entry)
            serving += entry->serving;
    }
    return serving;
}

void SnapshotPublisher::count(const Entry& entry, bool isAdded) noexcept {
    const auto add = [isAdded](std::size_t& total, std::size_t n) {
        total = isAdded ? total + n : total - n;
    };
    add(published_.apps, 1);
    add(published_.instances, entry.encoded.instanceCount);
    add(published_.serving, entry.serving);
    add(bytes_, entry.encoded.payloadBytes());
    isAdded ? addTo(state_, entry.encoded) : takeFrom(state_, entry.encoded);
}

} // namespace mmsd::marathon
