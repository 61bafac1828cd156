// SPDX-License-Identifier: MIT
// StateKeeper: from what is known to what is published.
#include "daemon/marathon/state_keeper.h"

#include "common/log.h"
#include "daemon/marathon/full_answer.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;

/** How often to look whether a slow supervisor has taken the last snapshot. */
constexpr milliseconds kBusyInterval{2};
/** How long the first state waits for host names: shorter than anyone waits for a start. */
constexpr milliseconds kSettleTime{3'000};

milliseconds untilThen(TimePoint then, TimePoint now) {
    return std::max(std::chrono::ceil<milliseconds>(then - now), milliseconds{0});
}

} // namespace

StateKeeper::StateKeeper(TimerFactory& timers, HostLookup& hosts, SnapshotPublisher& publisher)
    : timers_{timers}, hosts_{hosts}, publisher_{publisher}, store_{hosts},
      publishTimer_{timers.create([this] { publish(); })}, evaluationTimer_{timers.create([this] {
          changed(Cause::now("time"));
      })},
      confirmationTimer_{timers.create([this] {
          if (requestConfirmation_)
              requestConfirmation_();
      })} {}

Now StateKeeper::now() const {
    return {timers_.now(), std::chrono::system_clock::now()};
}

AppStore::Outcome StateKeeper::takeApp(RequestNumber number, MarathonApp app, const Cause& cause) {
    const auto outcome = store_.applyApp(number, std::move(app));
    if (outcome == AppStore::Outcome::Changed)
        changed(cause);
    return outcome;
}

AppStore::Outcome StateKeeper::takeGone(RequestNumber number, const std::string& id,
                                        const Cause& cause) {
    const auto outcome = store_.applyGone(number, id, timers_.now());
    if (outcome == AppStore::Outcome::Changed)
        changed(cause);
    return outcome;
}

AppStore::FullOutcome StateKeeper::takeFull(FullAnswer answer, TimePoint startedAt,
                                            const Cause& cause) {
    unusable_ = answer.unusable();
    auto outcome = store_.applyFull(std::move(answer), timers_.now());
    const auto age = std::chrono::duration_cast<WallTime::duration>(timers_.now() - startedAt);
    confirmedAt_ = std::chrono::system_clock::now() - age;
    guard_.confirm(startedAt);
    changed(cause); // also when nothing did: the state may be forced or confirmed
    return outcome;
}

void StateKeeper::onHostAnswered(const std::string& host, bool hasChanged) {
    const bool isWaitedFor = settleUntil_ && !isSettled_;
    if ((hasChanged && store_.touchHost(host)) || isWaitedFor)
        changed(Cause::now("address of " + host));
}

void StateKeeper::changed(const Cause& cause) {
    if (!cause_)
        cause_ = cause;
    publishTimer_->start(milliseconds{0});
}

void StateKeeper::publish() {
    // Single apps on top of nothing would be published as if they were all that there is; on top
    // of what is older than what the supervisor holds, they would bring that back.
    if (!cause_ || !(confirmedAt_ || publisher_.hasBase()))
        return;
    if (publisher_.isBusy()) {
        publishTimer_->start(kBusyInterval);
        return;
    }
    for (const AppStore::Change& change : store_.evaluate(now()))
        publisher_.prepare(change);
    scheduleEvaluation();

    const TimePoint time = timers_.now();
    if (!isSettled_ && hosts_.isWaiting()) {
        // Backends that are empty for the moments of a look-up would be worse than none.
        if (!settleUntil_)
            settleUntil_ = time + kSettleTime;
        if (time < *settleUntil_) {
            publishTimer_->start(untilThen(*settleUntil_, time));
            return;
        }
    }
    isSettled_ = true;

    const bool wasHolding = guard_.isHolding();
    if (guard_.mustHold(publisher_.published().serving, publisher_.preparedServing(), time)) {
        if (!wasHolding) {
            ++heldCount_;
            logWarning("held back: most of the serving instances are gone",
                       {{"serving", publisher_.published().serving},
                        {"left", publisher_.preparedServing()}});
        }
        if (!confirmationTimer_->isActive())
            confirmationTimer_->start(DisappearanceGuard::kDelay);
        return;
    }
    confirmationTimer_->stop();
    publisher_.publish(*cause_);
    cause_.reset();
}

void StateKeeper::scheduleEvaluation() {
    if (const auto then = store_.nextEvaluation())
        evaluationTimer_->start(untilThen(*then, timers_.now()));
    else
        evaluationTimer_->stop();
}

} // namespace mmsd::marathon
