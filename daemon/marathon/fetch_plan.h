// SPDX-License-Identifier: MIT
// FetchPlan: what to fetch, when, and in which order. Pure.
#pragma once

#include "daemon/marathon/app_store.h"
#include "daemon/marathon/cause.h"

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace mmsd::marathon {

/** Turns hints into requests: the first hint after a quiet time acts at once, those of the next
 *  moments join; few requests at a time and in any second; more dirty apps than that become full
 *  fetches; failures are tried again with a back-off. Numbers all requests. */
class FetchPlan {
public:
    using milliseconds = std::chrono::milliseconds;
    static constexpr milliseconds kJoinTime{50};
    static constexpr std::size_t kMaxInFlight = 4;
    static constexpr std::size_t kMaxDirty = 200; ///< more cost Marathon less as one answer
    /** Requests for single apps: so many at once after a quiet time, then one per interval, which
     *  is more than any cluster needs for long. 2000 events in 2 s cost fewer than 50. */
    static constexpr unsigned kBurst = 12;
    static constexpr milliseconds kInterval{100};
    /** A dirty app that has waited so long for its turn makes it a storm: one full fetch is due,
     *  but at most a quarter of the time is spent on these. */
    static constexpr milliseconds kPatience{500};
    static constexpr milliseconds kStormSpacing{1'000};
    static constexpr int kStormShare = 4;
    /** For full fetches whose cause is mostly accompanied by events that name the apps: these go
     *  first, and a Marathon under change is spared full answers at every change. */
    static constexpr milliseconds kSoonDelay{500};
    static constexpr milliseconds kSoonSpacing{15'000};
    static constexpr milliseconds kFirstRetry{250};
    static constexpr milliseconds kFirstRefusedRetry{5'000}; ///< of refused credentials
    static constexpr milliseconds kLastRetry{30'000};
    /** An app that cannot be fetched so often is left to the next full fetch. */
    static constexpr unsigned kMaxFailures = 5;

    struct Fetch {
        std::string appId; ///< "" = all apps
        RequestNumber number = 0;
        TimePoint startedAt{};
        Cause cause;
        unsigned failures = 0; ///< in a row, before this request
        [[nodiscard]] bool isFull() const noexcept { return appId.empty(); }
    };

    explicit FetchPlan(std::uint32_t seed) : random_{seed} {}

    /** Notes that an app may have changed. */
    void wantApp(const std::string& id, const Cause& cause, TimePoint now);
    /** Notes that all apps may have changed. */
    void wantAll(const Cause& cause, TimePoint now);
    void wantAllSoon(const Cause& cause, TimePoint now);

    /** The requests to start now; each must be answered by finish(). */
    [[nodiscard]] std::vector<Fetch> take(TimePoint now);
    enum class Result : std::uint8_t {
        Good, ///< the answer was whole, or the app is gone
        Bad,
        Refused, ///< the credentials are missing or refused: an early retry helps nobody
    };
    /** @return what was finished; nothing for a number that is not under way */
    std::optional<Fetch> finish(RequestNumber number, Result result, TimePoint now);
    /** What is held back by failures may start now. */
    void retryNow(TimePoint now);
    /** When take() will have something without anything else happening. */
    [[nodiscard]] std::optional<TimePoint> nextDue() const;

    /** True if an app will be fetched, or is being fetched, by itself. */
    [[nodiscard]] bool isWanted(const std::string& id) const;
    [[nodiscard]] std::size_t dirtyCount() const noexcept { return dirty_.size(); }
    /** Failures in a row of full fetches. */
    [[nodiscard]] unsigned fullFailures() const noexcept { return fullFailures_; }

private:
    struct Wanted {
        std::string appId;
        Cause cause;
        TimePoint notBefore;
        unsigned failures = 0;
    };
    void want(const Cause& cause, TimePoint notBefore);
    [[nodiscard]] bool takeTurn(TimePoint now);
    void startStorm(const Cause& cause, TimePoint now);
    void retry(const Fetch& fetch, milliseconds first, TimePoint now);
    [[nodiscard]] Fetch start(std::string appId, Cause cause, unsigned failures, TimePoint now);
    [[nodiscard]] bool isInFlight(const std::string& appId) const;

    std::minstd_rand random_;
    RequestNumber last_ = 0;
    std::deque<Wanted> dirty_;   ///< at most one per app, in order of the first hint
    std::optional<Wanted> full_; ///< wanted, not started
    std::map<RequestNumber, Fetch> inFlight_;
    TimePoint joinUntil_{};
    std::optional<TimePoint> fullStartedAt_;
    TimePoint::duration fullDuration_{0}; ///< of the last one
    bool isStorm_ = false;                ///< the full fetch that is wanted takes the dirty apps
    TimePoint turnsUsedUntil_{};          ///< each request moves it by kInterval
    unsigned fullFailures_ = 0;
};

} // namespace mmsd::marathon
