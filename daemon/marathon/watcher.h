// SPDX-License-Identifier: MIT
// Watcher: follows a Marathon by its event stream and fetches what the events hint at.
#pragma once

#include "common/timer.h"
#include "daemon/marathon/drift_watch.h"
#include "daemon/marathon/event.h"
#include "daemon/marathon/fetch_plan.h"
#include "daemon/marathon/marathon_api.h"
#include "daemon/marathon/source.h"
#include "daemon/marathon/sse_parser.h"
#include "daemon/marathon/state_keeper.h"

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace mmsd::marathon {

/** Stream first, state second, as nothing is replayed: opens the stream, fetches all apps, then
 *  takes events as hints which apps to fetch anew. Whatever fails leaves the last good state. */
class Watcher final : public Source, private MarathonApi::StreamHandler {
public:
    struct Config {
        /** Upper bound of the first wait after a failure. */
        std::chrono::milliseconds reconnectDelay{4'000};
        std::chrono::milliseconds resyncInterval{60'000};
        std::uint32_t seed = 0; ///< of all jitter
    };
    /** Borrows everything. */
    Watcher(TimerFactory& timers, MarathonApi& api, StateKeeper& keeper, SourceListener& listener,
            Config config);

    void start() override;
    void resync(const std::string& why) override;
    [[nodiscard]] const SourceCounters& counters() const override;

private:
    struct FullFetch;
    struct SingleFetch;

    void onStreamOpen(const std::string& where) override;
    void onStreamData(std::string_view bytes) override;
    void onStreamClosed(const MarathonApi::StreamEnd& end) override;

    void connect();
    void onEvent(std::string_view data);
    void take(const Event& event);
    /** Starts what is due. */
    void pump();
    void startFull(const FetchPlan::Fetch& fetch);
    void onAppsAnswer(const std::shared_ptr<FullFetch>& full, const MarathonApi::Answer& answer);
    void onPodsAnswer(FullFetch& full, const MarathonApi::Answer& answer);
    void takeFull(FullFetch& full);
    void startSingle(const FetchPlan::Fetch& fetch);
    void fetchAs(MarathonApi::Resource resource, const FetchPlan::Fetch& fetch, bool isSecond);
    void onSingleAnswer(SingleFetch& single, const MarathonApi::Answer& answer);
    void count(MarathonApi::Resource resource, const char* result);
    void countFailure(bool isNews, const std::string& what, MarathonApi::Resource resource,
                      const MarathonApi::Answer& answer, const std::string& contentError);
    void finish(const FetchPlan::Fetch& fetch);
    void finishBadly(const FetchPlan::Fetch& fetch, MarathonApi::Resource resource,
                     const MarathonApi::Answer& answer, const std::string& contentError);
    void watchCredentials(Failure failure);
    void lookAtCredentials();
    void report(protocol::SourceState state, const std::string& text);
    void startResyncTimer();
    [[nodiscard]] std::chrono::milliseconds reconnectWait();
    [[nodiscard]] std::uint32_t random() { return static_cast<std::uint32_t>(random_()); }

    TimerFactory& timers_;
    MarathonApi& api_;
    StateKeeper& keeper_;
    SourceListener& listener_;
    Config config_;
    std::minstd_rand random_;
    FetchPlan plan_;
    std::unique_ptr<SseParser> parser_;
    std::string where_;                 ///< the server of the stream
    std::optional<TimePoint> openedAt_; ///< the stream is open
    unsigned failures_ = 0;             ///< streams in a row that did not last
    std::string streamFailure_;         ///< why there is none
    /** Marathon has no pods (before 1.4), as far as is known. */
    bool isWithoutPods_ = false;
    unsigned podsFailures_ = 0; ///< answers about all pods that failed in a row
    SourceCounters counters_;
    std::optional<protocol::SourceStatus> reported_;
    std::unique_ptr<Timer> connectTimer_;
    std::unique_ptr<Timer> pumpTimer_;
    std::unique_ptr<Timer> resyncTimer_;
    std::unique_ptr<Timer> credentialsTimer_;
    DriftWatch drift_;
};

} // namespace mmsd::marathon
