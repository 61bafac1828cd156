// SPDX-License-Identifier: MIT
// FetchPlan: what to fetch, when, and in which order. Pure.
#include "daemon/marathon/fetch_plan.h"

#include "common/backoff.h"

#include <algorithm>
#include <utility>

namespace mmsd::marathon {

namespace {

/** On Marathon < 1.8 a last segment of that name is a sub-resource of its parent. */
bool isFetchable(std::string_view id) noexcept {
    return !id.ends_with("/restart") && !id.ends_with("/tasks") && !id.ends_with("/versions");
}

} // namespace

void FetchPlan::wantApp(const std::string& id, const Cause& cause, TimePoint now) {
    if (!isFetchable(id)) {
        wantAll(cause, now);
        return;
    }
    const TimePoint notBefore = std::max(now, joinUntil_);
    const auto known = std::ranges::find(dirty_, id, &Wanted::appId);
    if (known == dirty_.end())
        dirty_.push_back({id, cause, notBefore, 0});
    else
        known->notBefore = std::min(known->notBefore, notBefore);
    if (dirty_.size() > kMaxDirty)
        startStorm(dirty_.front().cause, now);
}

void FetchPlan::wantAll(const Cause& cause, TimePoint now) {
    want(cause, now);
}

void FetchPlan::wantAllSoon(const Cause& cause, TimePoint now) {
    const TimePoint soon = now + kSoonDelay;
    want(cause, fullStartedAt_ ? std::max(soon, *fullStartedAt_ + kSoonSpacing) : soon);
}

void FetchPlan::want(const Cause& cause, TimePoint notBefore) {
    // While full fetches fail, their back-off holds whatever else happens.
    if (!full_)
        full_ = {"", cause, notBefore, 0};
    else if (full_->failures == 0)
        full_->notBefore = std::min(full_->notBefore, notBefore);
}

std::vector<FetchPlan::Fetch> FetchPlan::take(TimePoint now) {
    std::vector<Fetch> fetches;
    const auto hasWaitedLong = [&](const Wanted& wanted) {
        return wanted.notBefore + kPatience <= now && !isInFlight(wanted.appId);
    };
    if (const auto late = std::ranges::find_if(dirty_, hasWaitedLong); late != dirty_.end())
        startStorm(late->cause, now);
    if (full_ && full_->notBefore <= now && !isInFlight("") && inFlight_.size() < kMaxInFlight) {
        // Dirty apps are fetched beside it, as that is faster, unless they are too many.
        if (std::exchange(isStorm_, false) || dirty_.size() > kMaxDirty)
            dirty_.clear();
        fullStartedAt_ = now;
        fetches.push_back(start("", std::move(full_->cause), full_->failures, now));
        full_.reset();
    }
    for (auto wanted = dirty_.begin(); wanted != dirty_.end() && inFlight_.size() < kMaxInFlight;) {
        if (wanted->notBefore > now || isInFlight(wanted->appId)) {
            ++wanted;
            continue;
        }
        if (!takeTurn(now))
            break;
        joinUntil_ = now + kJoinTime;
        fetches.push_back(
            start(std::move(wanted->appId), std::move(wanted->cause), wanted->failures, now));
        wanted = dirty_.erase(wanted);
    }
    return fetches;
}

/** A bucket of kBurst turns that fills by one each kInterval. */
bool FetchPlan::takeTurn(TimePoint now) {
    if (turnsUsedUntil_ > now + (kBurst - 1) * kInterval)
        return false;
    turnsUsedUntil_ = std::max(turnsUsedUntil_, now) + kInterval;
    return true;
}

void FetchPlan::startStorm(const Cause& cause, TimePoint now) {
    if (isStorm_ || isInFlight(""))
        return;
    isStorm_ = true;
    const auto spacing = std::max<TimePoint::duration>(kStormSpacing, kStormShare * fullDuration_);
    want(cause, fullStartedAt_ ? std::max(now, *fullStartedAt_ + spacing) : now);
}

FetchPlan::Fetch FetchPlan::start(std::string appId, Cause cause, unsigned failures,
                                  TimePoint now) {
    Fetch fetch{.appId = std::move(appId),
                .number = ++last_,
                .startedAt = now,
                .cause = std::move(cause),
                .failures = failures};
    inFlight_.emplace(fetch.number, fetch);
    return fetch;
}

std::optional<FetchPlan::Fetch> FetchPlan::finish(RequestNumber number, Result result,
                                                  TimePoint now) {
    const auto place = inFlight_.find(number);
    if (place == inFlight_.end())
        return std::nullopt;
    Fetch fetch = std::move(place->second);
    inFlight_.erase(place);
    if (fetch.isFull()) {
        fullDuration_ = now - fetch.startedAt;
        fullFailures_ = result == Result::Good ? 0 : fullFailures_ + 1;
    }
    if (result != Result::Good)
        retry(fetch, result == Result::Refused ? kFirstRefusedRetry : kFirstRetry, now);
    return fetch;
}

void FetchPlan::retryNow(TimePoint now) {
    if (full_ && full_->failures > 0)
        *full_ = {"", full_->cause, now, 0};
    for (Wanted& wanted : dirty_) {
        if (wanted.failures > 0)
            wanted.notBefore = now;
    }
}

void FetchPlan::retry(const Fetch& fetch, milliseconds first, TimePoint now) {
    const unsigned doublings = std::min(fetch.failures, 10U);
    const milliseconds delay = std::min(first * (1U << doublings), kLastRetry);
    const TimePoint notBefore = now + jittered(delay, static_cast<std::uint32_t>(random_()));
    const unsigned failures = fetch.failures + 1;
    if (fetch.isFull()) {
        full_ = {"", fetch.cause, notBefore, failures};
    } else if (failures >= kMaxFailures) {
        wantAllSoon(fetch.cause, now);
    } else if (std::ranges::find(dirty_, fetch.appId, &Wanted::appId) == dirty_.end()) {
        dirty_.push_back({fetch.appId, fetch.cause, notBefore, failures});
    }
}

std::optional<TimePoint> FetchPlan::nextDue() const {
    if (inFlight_.size() >= kMaxInFlight)
        return std::nullopt;
    std::optional<TimePoint> next;
    const auto consider = [&next](TimePoint due) {
        if (!next || due < *next)
            next = due;
    };
    if (full_ && !isInFlight(""))
        consider(full_->notBefore);
    const TimePoint nextTurn = turnsUsedUntil_ - (kBurst - 1) * kInterval;
    for (const Wanted& wanted : dirty_) {
        if (!isInFlight(wanted.appId))
            consider(std::max(wanted.notBefore, nextTurn));
    }
    return next;
}

bool FetchPlan::isWanted(const std::string& id) const {
    return isInFlight(id) || std::ranges::find(dirty_, id, &Wanted::appId) != dirty_.end();
}

bool FetchPlan::isInFlight(const std::string& appId) const {
    return std::ranges::any_of(inFlight_,
                               [&](const auto& entry) { return entry.second.appId == appId; });
}

} // namespace mmsd::marathon
