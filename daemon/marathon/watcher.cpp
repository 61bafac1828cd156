// SPDX-License-Identifier: MIT
// Watcher: follows a Marathon by its event stream and fetches what the events hint at.
#include "daemon/marathon/watcher.h"

#include "common/backoff.h"
#include "common/log.h"
#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/app_scanner.h"
#include "daemon/marathon/full_answer.h"

#include <algorithm>
#include <utility>

namespace mmsd::marathon {

namespace {

using protocol::SourceState;
using std::chrono::milliseconds;

constexpr milliseconds kLastReconnectDelay{60'000};
/** A stream that lasted so long forgives the failures before it; one that a node without
 *  leadership closes at once does not. */
constexpr milliseconds kGoodRun{10'000};
/** Events may come later than the answer that has their effect already. */
constexpr milliseconds kEventDelay{5'000};
/** What is asked for, as metrics name it. */
constexpr const char* kStream = "stream";
constexpr const char* kApps = "apps";
constexpr const char* kApp = "app";
/** Full fetches that fail beside an open stream: a master that is half dead. */
constexpr unsigned kMaxFullFailures = 3;

} // namespace

struct Watcher::FullFetch {
    FetchPlan::Fetch fetch;
    FullAnswer answer;
    AppScanner scanner;
    std::string error;

    FullFetch(FetchPlan::Fetch f, const AppStore& store)
        : fetch{std::move(f)}, answer{store, fetch.number}, scanner{AppScanner::Shape::List,
                                                                    [this](std::string_view app) {
                                                                        answer.add(app);
                                                                    }} {}
};

struct Watcher::AppFetch {
    FetchPlan::Fetch fetch;
    std::optional<MarathonApp> app;
    AppScanner scanner;
    std::string error;

    explicit AppFetch(FetchPlan::Fetch f)
        : fetch{std::move(f)}, scanner{AppScanner::Shape::Single,
                                       [this](std::string_view json) { app = parseApp(json); }} {}
};

Watcher::Watcher(TimerFactory& timers, MarathonApi& api, StateKeeper& keeper,
                 SourceListener& listener, Config config)
    : timers_{timers}, api_{api}, keeper_{keeper}, listener_{listener}, config_{config},
      random_{config.seed}, plan_{config.seed + 1}, connectTimer_{timers.create(
                                                        [this] { connect(); })},
      pumpTimer_{timers.create([this] { pump(); })}, resyncTimer_{timers.create([this] {
          startResyncTimer();
          resync("resync");
      })},
      driftTimer_{timers.create([this] { countDrift(); })} {}

const SourceCounters& Watcher::counters() const {
    return counters_;
}

void Watcher::start() {
    startResyncTimer();
    connect();
}

void Watcher::resync(const std::string& why) {
    plan_.wantAll(Cause::now(why), timers_.now());
    pump();
}

void Watcher::startResyncTimer() {
    const milliseconds tenth = config_.resyncInterval / 10;
    const auto spread = std::max<std::int64_t>(2 * tenth.count(), 1);
    resyncTimer_->start(config_.resyncInterval - tenth + milliseconds{random() % spread});
}

// ---- the stream

void Watcher::connect() {
    if (!reported_)
        report(SourceState::Connecting, "");
    api_.openStream(*this);
}

void Watcher::onStreamOpen(const std::string& where) {
    logInfo("event stream open", {{"server", where}});
    where_ = where;
    openedAt_ = timers_.now();
    ++counters_.streamsOpened;
    ++counters_.requests[{kStream, "ok"}];
    counters_.lastStreamByte = keeper_.now().wall;
    parser_ = std::make_unique<SseParser>(SseParser::Handler{
        .onEvent = [this](std::string_view, std::string_view data) { onEvent(data); },
        .onOversized =
            [this] {
                isInStep_ = false;
                plan_.wantAllSoon(Cause::now("an oversized event"), timers_.now());
            }});
    resync("connected");
}

void Watcher::onStreamData(std::string_view bytes) {
    counters_.lastStreamByte = keeper_.now().wall;
    parser_->feed(bytes);
    pump();
}

void Watcher::onStreamClosed(const MarathonApi::StreamEnd& end) {
    const TimePoint now = timers_.now();
    const bool wasGood = openedAt_ && now - *openedAt_ >= kGoodRun;
    const bool wasOpen = std::exchange(openedAt_, std::nullopt).has_value();
    isInStep_ = false;
    if (!wasOpen)
        ++counters_.requests[{kStream, "failed"}];
    ++counters_.failures[{kStream, std::string{toString(end.failure)}}];
    failures_ = wasGood ? 0 : failures_ + 1;
    if (failures_ > 0)
        api_.useNextMaster();
    const milliseconds wait = reconnectWait();
    logWarning("no event stream", {{"reason", end.reason}, {"retry_ms", wait}});
    const bool isUnreachable = !end.wasAnswered && failures_ >= api_.masterCount();
    if (isUnreachable || !reported_ || reported_->state != SourceState::Unreachable ||
        end.wasAnswered)
        report(isUnreachable ? SourceState::Unreachable : SourceState::Connecting, end.reason);
    connectTimer_->start(wait);
    // A server without the stream (Marathon 0.8, a proxy in between) can still be polled.
    const bool isStale = !keeper_.confirmedAt() ||
                         keeper_.now().wall - *keeper_.confirmedAt() >= config_.resyncInterval;
    if (end.wasAnswered && !wasOpen && isStale)
        resync("no event stream");
}

/** After a good run somewhere in the first step; then every other master at once, and between
 *  rounds a doubling delay. */
milliseconds Watcher::reconnectWait() {
    const auto masters = static_cast<unsigned>(api_.masterCount());
    if (failures_ % masters != 0)
        return milliseconds{0};
    const unsigned doublings = std::min(failures_ / masters, 16U);
    if (doublings <= 1)
        return milliseconds{1 +
                            random() % std::max<std::int64_t>(config_.reconnectDelay.count(), 1)};
    return jittered(std::min(config_.reconnectDelay * (1U << (doublings - 1)),
                             std::max(kLastReconnectDelay, config_.reconnectDelay)),
                    random());
}

// ---- events

void Watcher::onEvent(std::string_view data) {
    try {
        for (const Event& event : parseEvents(data))
            take(event);
    } catch (const JsonError& error) {
        ++counters_.malformedEvents;
        isInStep_ = false;
        logWarning("malformed event", {{"reason", error.what()}});
        plan_.wantAllSoon(Cause::now("a malformed event"), timers_.now());
    }
}

void Watcher::take(const Event& event) {
    ++counters_.events[event.type];
    const TimePoint now = timers_.now();
    switch (event.effect) {
    case EventEffect::None:
        break;
    case EventEffect::Apps:
        for (const std::string& id : event.appIds) {
            suspects_.erase(id);
            plan_.wantApp(id, Cause::now(event.type + ' ' + id), now);
        }
        break;
    case EventEffect::Everything:
        isInStep_ = false;
        plan_.wantAll(Cause::now(event.type), now);
        break;
    case EventEffect::EverythingSoon:
        isInStep_ = false;
        plan_.wantAllSoon(Cause::now(event.type), now);
        break;
    }
}

// ---- fetches

void Watcher::pump() {
    for (const FetchPlan::Fetch& fetch : plan_.take(timers_.now())) {
        if (fetch.isFull())
            startFull(fetch);
        else
            startApp(fetch);
    }
    counters_.dirtyApps = plan_.dirtyCount();
    const auto due = plan_.nextDue();
    if (!due)
        pumpTimer_->stop();
    else
        pumpTimer_->start(
            std::max(std::chrono::ceil<milliseconds>(*due - timers_.now()), milliseconds{0}));
}

void Watcher::startFull(const FetchPlan::Fetch& fetch) {
    const auto full = std::make_shared<FullFetch>(fetch, keeper_.store());
    api_.fetch(
        "",
        [full](std::string_view bytes) {
            try {
                full->scanner.feed(bytes);
                return true;
            } catch (const JsonError& error) {
                full->error = error.what();
                return false;
            }
        },
        [this, full](const MarathonApi::Answer& answer) { onFullAnswer(*full, answer); });
}

void Watcher::onFullAnswer(FullFetch& full, const MarathonApi::Answer& answer) {
    const bool isComplete = answer.kind == MarathonApi::Answer::Kind::Complete;
    try {
        if (isComplete)
            full.scanner.finish();
    } catch (const JsonError& error) {
        full.error = error.what();
    }
    if (!isComplete || !full.error.empty()) {
        finishBadly(full.fetch, answer, full.error);
        return;
    }
    const auto outcome =
        keeper_.takeFull(std::move(full.answer), full.fetch.startedAt, full.fetch.cause);
    suspectDrift(outcome.changed);
    for (const std::string& id : outcome.conflicts)
        plan_.wantApp(id, full.fetch.cause, timers_.now());
    startResyncTimer();
    ++counters_.resyncs;
    isInStep_ = openedAt_ && full.fetch.startedAt >= *openedAt_;
    if (openedAt_)
        report(SourceState::Connected, where_);
    finish(full.fetch, "ok");
    listener_.onSynchronized();
}

void Watcher::startApp(const FetchPlan::Fetch& fetch) {
    const auto app = std::make_shared<AppFetch>(fetch);
    api_.fetch(
        fetch.appId,
        [app](std::string_view bytes) {
            try {
                app->scanner.feed(bytes);
                return true;
            } catch (const std::runtime_error& error) { // JsonError or UnusableApp
                app->error = error.what();
                return false;
            }
        },
        [this, app](const MarathonApi::Answer& answer) { onAppAnswer(*app, answer); });
}

void Watcher::onAppAnswer(AppFetch& fetch, const MarathonApi::Answer& answer) {
    using Kind = MarathonApi::Answer::Kind;
    try {
        if (answer.kind == Kind::Complete)
            fetch.scanner.finish();
    } catch (const JsonError& error) {
        fetch.error = error.what();
    }
    if (fetch.error.empty() && fetch.app && fetch.app->id != fetch.fetch.appId)
        fetch.error = "another app's answer: " + fetch.app->id;

    const Cause& cause = fetch.fetch.cause;
    if (answer.kind == Kind::NotFound) {
        keeper_.takeGone(fetch.fetch.number, fetch.fetch.appId, cause);
        finish(fetch.fetch, "gone");
    } else if (answer.kind == Kind::Complete && fetch.error.empty()) {
        const auto outcome = keeper_.takeApp(fetch.fetch.number, *std::move(fetch.app), cause);
        finish(fetch.fetch, outcome == AppStore::Outcome::Outdated ? "outdated" : "ok");
    } else {
        finishBadly(fetch.fetch, answer, fetch.error);
    }
}

void Watcher::suspectDrift(const std::vector<std::string>& changed) {
    if (!isInStep_)
        return;
    for (const std::string& id : changed) {
        if (!plan_.isWanted(id))
            suspects_.insert(id);
    }
    if (!suspects_.empty() && !driftTimer_->isActive())
        driftTimer_->start(kEventDelay);
}

void Watcher::countDrift() {
    if (suspects_.empty())
        return;
    counters_.driftedApps += suspects_.size();
    logWarning("drift: a resync found changes that no event told of",
               {{"apps", suspects_.size()}, {"first", *suspects_.begin()}});
    suspects_.clear();
}

void Watcher::finish(const FetchPlan::Fetch& fetch, const char* result) {
    ++counters_.requests[{fetch.isFull() ? kApps : kApp, result}];
    plan_.finish(fetch.number, true, timers_.now());
    pump();
}

/** @param contentError what is wrong with a whole answer; "" = it was none */
void Watcher::finishBadly(const FetchPlan::Fetch& fetch, const MarathonApi::Answer& answer,
                          const std::string& contentError) {
    const char* const kind = fetch.isFull() ? kApps : kApp;
    const bool isContent = !contentError.empty();
    ++counters_.requests[{kind, isContent ? "rejected" : "failed"}];
    ++counters_
          .failures[{kind, std::string{toString(isContent ? Failure::Malformed : answer.failure)}}];
    plan_.finish(fetch.number, false, timers_.now());
    log(fetch.failures == 0 ? LogLevel::Warning : LogLevel::Debug, "fetch failed",
        {{"what", fetch.isFull() ? "all apps" : fetch.appId},
         {"reason", isContent ? contentError : answer.error}});
    const bool isHalfDead = plan_.fullFailures() >= kMaxFullFailures && api_.masterCount() > 1;
    if (isHalfDead && openedAt_ && fetch.isFull()) {
        api_.closeStream();
        openedAt_.reset();
        onStreamClosed({.reason = where_ + ": it does not answer fetches",
                        .failure = Failure::Timeout,
                        .wasAnswered = false});
    }
    pump();
}

void Watcher::report(SourceState state, const std::string& text) {
    if (reported_ && reported_->state == state && reported_->text == text)
        return;
    reported_ = protocol::SourceStatus{state, text};
    listener_.onSourceStatus(*reported_);
}

} // namespace mmsd::marathon
