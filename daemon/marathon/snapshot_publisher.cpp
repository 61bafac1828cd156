// SPDX-License-Identifier: MIT
// SnapshotPublisher: encodes what changed and sends whole snapshots of rising generation.
#include "daemon/marathon/snapshot_publisher.h"

#include "common/log.h"
#include "daemon/marathon/state_file.h"
#include "protocol/protocol_error.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

bool isSame(const protocol::EncodedApp& a, const protocol::EncodedApp& b) {
    return a.app == b.app && a.instances == b.instances;
}

std::size_t countServing(const protocol::App& app) {
    return static_cast<std::size_t>(
        std::ranges::count_if(app.instances, [](const auto& i) { return isServing(i); }));
}

} // namespace

void SnapshotPublisher::restore(const protocol::Snapshot& snapshot, protocol::SharedFrames frames) {
    for (const auto& app : snapshot.apps) {
        Entry entry{protocol::encodeApp(*app), countServing(*app)};
        count(entry, true);
        current_.insert_or_assign(app->id, std::move(entry));
    }
    bytes_ = frames->size();
    // A younger watcher may have published after this file was written.
    isForced_ = generation_ > snapshot.generation;
    if (generation_ < snapshot.generation) {
        generation_ = snapshot.generation;
        outlet_.sendSnapshot(std::move(frames));
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
    for (auto& [id, entry] : next_) {
        if (const auto old = current_.find(id); old != current_.end()) {
            count(old->second, false);
            if (!entry)
                current_.erase(old);
        }
        if (entry) {
            count(*entry, true);
            current_.insert_or_assign(id, std::move(*entry));
        }
    }
    next_.clear();
    isForced_ = false;

    std::vector<const protocol::EncodedApp*> apps;
    apps.reserve(current_.size());
    for (const auto& [id, entry] : current_)
        apps.push_back(&entry.encoded);
    const protocol::SnapshotBegin begin{.version = protocol::kProtocolVersion,
                                        .appCount = 0,
                                        .instanceCount = 0,
                                        .payloadBytes = 0,
                                        .observedAtUs = cause.observedAtUs,
                                        .cause = cause.text};
    const auto frames = std::make_shared<const std::vector<std::byte>>(
        protocol::encodeSnapshot(++generation_, begin, apps));
    bytes_ = frames->size();
    outlet_.sendSnapshot(frames);
    if (file_ != nullptr)
        file_->store(frames);
    logDebug("snapshot published", {{"generation", generation_},
                                    {"apps", published_.apps},
                                    {"serving", published_.serving},
                                    {"cause", cause.text}});
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
}

} // namespace mmsd::marathon
