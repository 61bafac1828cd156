// SPDX-License-Identifier: MIT
// SnapshotPublisher: encodes what changed and sends it as snapshots of rising generation.
#pragma once

#include "daemon/marathon/app_store.h"
#include "daemon/marathon/cause.h"
#include "daemon/marathon/outlet.h"
#include "protocol/state_codec.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::marathon {

class StateFile;

/** Owns the encoded form of each app, published and to be published. Borrows outlet and file. */
class SnapshotPublisher {
public:
    struct Totals {
        std::size_t apps = 0;
        std::size_t instances = 0;
        std::size_t serving = 0;
    };

    /** @param file may be null
     *  @param lastGeneration newest snapshot that the supervisor holds */
    SnapshotPublisher(Outlet& outlet, StateFile* file, std::uint64_t lastGeneration);

    /** Takes a snapshot of an earlier run for published, and sends it unless the supervisor holds
     *  one that is as new. */
    void restore(const protocol::Snapshot& snapshot);

    /** Prepares a change for the next publish(). An app that no frame can carry keeps its last
     *  good form, and says so in refusals(). */
    void prepare(const AppStore::Change& change);
    /** True if publish() would send other bytes than before. */
    [[nodiscard]] bool hasChanges() const noexcept { return isForced_ || !next_.empty(); }
    /** True if what is published is at least as new as what the supervisor holds: only then may
     *  single changes go on top of it. */
    [[nodiscard]] bool hasBase() const noexcept { return !isForced_; }
    /** True while the outlet has not taken the last snapshot. */
    [[nodiscard]] bool isBusy() const { return outlet_.isBusy(); }
    /** Sends a snapshot with all changes prepared; does nothing if there are none. The first one of
     *  a run is whole, and so is one that changes most of the state; all others carry what changed.
     */
    void publish(const Cause& cause);

    [[nodiscard]] const Totals& published() const noexcept { return published_; }
    /** Instances that would be serving after publish(). */
    [[nodiscard]] std::size_t preparedServing() const noexcept;
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
    /** Of all payloads of a whole snapshot. */
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
    /** Problems of apps, by id. */
    [[nodiscard]] const std::map<std::string, std::vector<protocol::Problem>>&
    refusals() const noexcept {
        return refusals_;
    }

private:
    struct Entry {
        protocol::EncodedApp encoded;
        std::size_t serving = 0;
    };
    void count(const Entry& entry, bool isAdded) noexcept;
    /** Brings current_ up to date with next_. @return what the ids in next_ are now */
    std::vector<protocol::EncodedChange> takeNext();
    [[nodiscard]] protocol::SharedFrames encodeWhole() const;
    void sendWhole();
    void sendChanges(const std::vector<protocol::EncodedChange>& changes);

    Outlet& outlet_;
    StateFile* file_;
    std::uint64_t generation_;
    bool isForced_ = true; ///< the supervisor has no state, or not the one that we compare with
    bool hasSentWhole_ = false;       ///< in this run
    protocol::SnapshotBegin begin_{}; ///< of generation_: when and why
    std::map<std::string, Entry> current_;
    std::map<std::string, std::optional<Entry>> next_; ///< nothing = removed
    std::map<std::string, std::vector<protocol::Problem>> refusals_;
    Totals published_;
    protocol::StateTotals state_{}; ///< of current_
    std::size_t bytes_ = 0;
    std::size_t changesSent_ = 0; ///< since the last whole state
    std::size_t changeBytesSent_ = 0;
    std::size_t wholeBytesSent_ = 0;
};

} // namespace mmsd::marathon
