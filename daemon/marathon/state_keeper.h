// SPDX-License-Identifier: MIT
// StateKeeper: from what is known to what is published.
#pragma once

#include "common/timer.h"
#include "daemon/marathon/app_store.h"
#include "daemon/marathon/cause.h"
#include "daemon/marathon/disappearance_guard.h"
#include "daemon/marathon/snapshot_publisher.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mmsd::marathon {

class FullAnswer;

/** Takes answers from a source, evaluates what they change, and publishes it at the end of the
 *  event loop's round, so that answers that come together go out together. Owns the store;
 *  borrows look-up and publisher. */
class StateKeeper {
public:
    StateKeeper(TimerFactory& timers, HostLookup& hosts, SnapshotPublisher& publisher);

    /** Takes over the state of an earlier run; publish() of the publisher is not called. */
    void restore(const protocol::Snapshot& snapshot) { store_.restore(snapshot); }

    AppStore::Outcome takeApp(RequestNumber number, MarathonApp app, const Cause& cause);
    AppStore::Outcome takeGone(RequestNumber number, const std::string& id, const Cause& cause);
    /** @param startedAt when its request was sent */
    [[nodiscard]] AppStore::FullOutcome takeFull(FullAnswer answer, TimePoint startedAt,
                                                 const Cause& cause);
    /** The last full answer still holds: its source has been looked at and is the same. */
    void confirm() noexcept {
        if (confirmedAt_)
            confirmedAt_ = std::chrono::system_clock::now();
    }
    /** A look-up of that name has ended. */
    void onHostAnswered(const std::string& host, bool hasChanged);
    /** Called when a second full fetch has to confirm a loss. */
    void setConfirmationRequest(std::function<void()> request) {
        requestConfirmation_ = std::move(request);
    }

    [[nodiscard]] const AppStore& store() const noexcept { return store_; }
    [[nodiscard]] Now now() const;
    [[nodiscard]] bool isHolding() const noexcept { return guard_.isHolding(); }
    /** How often a state was held back. */
    [[nodiscard]] std::uint64_t heldCount() const noexcept { return heldCount_; }
    /** When the last whole full answer was asked for; nothing = not in this run. */
    [[nodiscard]] std::optional<WallTime> confirmedAt() const noexcept { return confirmedAt_; }
    /** Elements of the last full answer that are no apps: id and reason. */
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>&
    unusable() const noexcept {
        return unusable_;
    }

private:
    void changed(const Cause& cause);
    void publish();
    void scheduleEvaluation();

    TimerFactory& timers_;
    HostLookup& hosts_;
    SnapshotPublisher& publisher_;
    AppStore store_;
    DisappearanceGuard guard_;
    std::function<void()> requestConfirmation_;
    std::optional<Cause> cause_; ///< the first one that is not published yet
    std::optional<WallTime> confirmedAt_;
    std::optional<TimePoint> settleUntil_; ///< the first state of a run waits for its host names
    bool isSettled_ = false;
    std::uint64_t heldCount_ = 0;
    std::vector<std::pair<std::string, std::string>> unusable_;
    std::unique_ptr<Timer> publishTimer_;
    std::unique_ptr<Timer> evaluationTimer_;
    std::unique_ptr<Timer> confirmationTimer_;
};

} // namespace mmsd::marathon
