// SPDX-License-Identifier: MIT
// Watcher: follows a Marathon by its event stream and fetches what the events hint at.
#include "daemon/marathon/watcher.h"

#include "common/backoff.h"
#include "common/log.h"
#include "daemon/marathon/answer_readers.h"

#include <algorithm>
#include <utility>

namespace mmsd::marathon {

namespace {

using protocol::SourceState;
using std::chrono::milliseconds;

constexpr milliseconds kLastReconnectDelay{30'000};
/** A stream that lasted so long forgives the failures before it; one that a node without
 *  leadership closes at once does not. */
constexpr milliseconds kGoodRun{10'000};
/** How often to look for new credentials while the old ones are refused. */
constexpr milliseconds kCredentialsInterval{1'000};
/** What is asked for, as metrics name it. */
constexpr const char* kStream = "stream";
/** Answers about all pods that fail in a row, until apps no longer wait for them. */
constexpr unsigned kMaxPodsFailures = 3;
/** Full fetches that fail beside an open stream: a master that is half dead. */
constexpr unsigned kMaxFullFailures = 3;

} // namespace

using Resource = MarathonApi::Resource;

struct Watcher::FullFetch {
    FetchPlan::Fetch fetch;
    FullReader reader;
};

/** Of one id, which may be an app's or a pod's. */
struct Watcher::SingleFetch {
    FetchPlan::Fetch fetch;
    Resource resource;
    bool isSecond; ///< it is not the other of the two
    SingleReader reader;
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
      credentialsTimer_{timers.create([this] { lookAtCredentials(); })},
      drift_{timers, counters_.driftedApps} {}

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
    isWithoutPods_ = false; // it may be another release
    ++counters_.streamsOpened;
    ++counters_.requests[{kStream, "ok"}];
    counters_.lastStreamByte = keeper_.now().wall;
    parser_ = std::make_unique<SseParser>(SseParser::Handler{
        .onEvent = [this](std::string_view, std::string_view data) { onEvent(data); },
        .onOversized =
            [this] {
                drift_.end();
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
    drift_.end();
    if (!wasOpen)
        ++counters_.requests[{kStream, "failed"}];
    ++counters_.failures[{kStream, std::string{toString(end.failure)}}];
    failures_ = wasGood ? 0 : failures_ + 1;
    if (failures_ > 0)
        api_.useNextMaster();
    const milliseconds wait = reconnectWait();
    logWarning("no event stream", {{"reason", end.reason}, {"retry_ms", wait}});
    streamFailure_ = end.reason;
    watchCredentials(end.failure);
    connectTimer_->start(wait);
    // A server without the stream (Marathon 0.8, a proxy in between) can still be polled.
    const bool isStale = !keeper_.confirmedAt() ||
                         keeper_.now().wall - *keeper_.confirmedAt() >= config_.resyncInterval;
    const bool isPolled = end.wasAnswered && !wasOpen;
    if (isPolled && !isStale && reported_->state == SourceState::Connected)
        return;
    // Once no master is left that has not been tried, nobody should wait for this any longer.
    if (failures_ >= api_.masterCount())
        report(SourceState::Unreachable, end.reason);
    else if (reported_->state != SourceState::Unreachable)
        report(SourceState::Connecting, end.reason);
    if (isPolled && isStale)
        resync("no event stream");
}

void Watcher::watchCredentials(Failure failure) {
    if (failure == Failure::Unauthorized)
        credentialsTimer_->start(kCredentialsInterval);
}

/** New credentials are tried at once: the back-off was meant for the old ones. */
void Watcher::lookAtCredentials() {
    if (!api_.hasNewCredentials()) {
        credentialsTimer_->start(kCredentialsInterval);
        return;
    }
    plan_.retryNow(timers_.now());
    pump();
    if (connectTimer_->isActive()) {
        failures_ = 0;
        connectTimer_->start(milliseconds{0});
    }
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
        drift_.end();
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
            drift_.clear(id);
            plan_.wantApp(id, Cause::now(event.type + ' ' + id), now);
        }
        break;
    case EventEffect::Everything:
        drift_.end();
        plan_.wantAll(Cause::now(event.type), now);
        break;
    case EventEffect::EverythingSoon:
        drift_.end();
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
            startSingle(fetch);
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
    const std::shared_ptr<FullFetch> full{
        new FullFetch{.fetch = fetch, .reader = {keeper_.store(), fetch.number}}};
    api_.fetch(
        Resource::Apps, "", [full](std::string_view bytes) { return full->reader.feedApps(bytes); },
        [this, full](const MarathonApi::Answer& answer) { onAppsAnswer(full, answer); });
}

void Watcher::onAppsAnswer(const std::shared_ptr<FullFetch>& full,
                           const MarathonApi::Answer& answer) {
    const bool isComplete = answer.kind == MarathonApi::Answer::Kind::Complete;
    if (!full->reader.finishApps(isComplete)) {
        finishBadly(full->fetch, Resource::Apps, answer, full->reader.error());
        return;
    }
    count(Resource::Apps, "ok");
    if (isWithoutPods_)
        takeFull(*full);
    else
        api_.fetch(
            Resource::Pods, "",
            [full](std::string_view bytes) { return full->reader.feedPods(bytes); },
            [this, full](const MarathonApi::Answer& each) { onPodsAnswer(*full, each); });
}

/** Whatever becomes of the pods, the apps are taken: a Marathon that cannot tell of its pods must
 *  not stop everything else. */
void Watcher::onPodsAnswer(FullFetch& full, const MarathonApi::Answer& answer) {
    using Kind = MarathonApi::Answer::Kind;
    if (full.reader.finishPods(answer.kind == Kind::Complete)) {
        count(Resource::Pods, "ok");
        podsFailures_ = 0;
    } else if (answer.kind == Kind::NotFound) {
        count(Resource::Pods, "none");
        isWithoutPods_ = true;
        podsFailures_ = 0;
    } else {
        const bool isLasting = ++podsFailures_ >= kMaxPodsFailures;
        countFailure(podsFailures_ == 1, "all pods", Resource::Pods, answer, full.reader.error());
        full.reader.answer().setPods(isLasting ? FullAnswer::Pods::Unknowable
                                               : FullAnswer::Pods::Unknown);
        if (!isLasting)
            plan_.wantAllSoon(full.fetch.cause, timers_.now());
    }
    takeFull(full);
}

void Watcher::takeFull(FullFetch& full) {
    const auto outcome =
        keeper_.takeFull(std::move(full.reader.answer()), full.fetch.startedAt, full.fetch.cause);
    for (const std::string& id : outcome.changed) {
        if (drift_.isInStep() && !plan_.isWanted(id))
            drift_.suspect(id);
    }
    for (const std::string& id : outcome.conflicts)
        plan_.wantApp(id, full.fetch.cause, timers_.now());
    startResyncTimer();
    ++counters_.resyncs;
    if (openedAt_ && full.fetch.startedAt >= *openedAt_)
        drift_.begin();
    report(SourceState::Connected,
           openedAt_ ? where_ : "polled, as there is no event stream: " + streamFailure_);
    finish(full.fetch);
    listener_.onSynchronized();
}

void Watcher::startSingle(const FetchPlan::Fetch& fetch) {
    const MarathonApp* const known = keeper_.store().find(fetch.appId);
    fetchAs(known != nullptr && known->isPod ? Resource::Pod : Resource::App, fetch, false);
}

void Watcher::fetchAs(Resource resource, const FetchPlan::Fetch& fetch, bool isSecond) {
    const std::shared_ptr<SingleFetch> single{new SingleFetch{.fetch = fetch,
                                                              .resource = resource,
                                                              .isSecond = isSecond,
                                                              .reader = {fetch.appId, resource}}};
    api_.fetch(
        resource, fetch.appId,
        [single](std::string_view bytes) { return single->reader.feed(bytes); },
        [this, single](const MarathonApi::Answer& answer) { onSingleAnswer(*single, answer); });
}

void Watcher::onSingleAnswer(SingleFetch& single, const MarathonApi::Answer& answer) {
    using Kind = MarathonApi::Answer::Kind;
    const FetchPlan::Fetch& fetch = single.fetch;
    if (answer.kind == Kind::NotFound) {
        count(single.resource, "gone");
        // One id may have changed from one kind to the other within the time that events join.
        if (!single.isSecond && !isWithoutPods_) {
            fetchAs(single.resource == Resource::App ? Resource::Pod : Resource::App, fetch, true);
            return;
        }
        keeper_.takeGone(fetch.number, fetch.appId, fetch.cause);
        finish(fetch);
        return;
    }
    auto app = answer.kind == Kind::Complete ? single.reader.finish() : std::nullopt;
    if (!app) {
        finishBadly(fetch, single.resource, answer, single.reader.error());
        return;
    }
    const auto outcome = keeper_.takeApp(fetch.number, *std::move(app), fetch.cause);
    count(single.resource, outcome == AppStore::Outcome::Outdated ? "outdated" : "ok");
    finish(fetch);
}

void Watcher::count(Resource resource, const char* result) {
    ++counters_.requests[{toString(resource), result}];
}

/** @param contentError what is wrong with a whole answer; "" = it was none */
void Watcher::countFailure(bool isNews, const std::string& what, Resource resource,
                           const MarathonApi::Answer& answer, const std::string& contentError) {
    const bool isContent = !contentError.empty();
    count(resource, isContent ? "rejected" : "failed");
    const Failure failure = isContent ? Failure::Malformed : answer.failure;
    ++counters_.failures[{toString(resource), std::string{toString(failure)}}];
    log(isNews ? LogLevel::Warning : LogLevel::Debug, "fetch failed",
        {{"what", what}, {"reason", isContent ? contentError : answer.error}});
}

void Watcher::finish(const FetchPlan::Fetch& fetch) {
    plan_.finish(fetch.number, FetchPlan::Result::Good, timers_.now());
    pump();
}

void Watcher::finishBadly(const FetchPlan::Fetch& fetch, Resource resource,
                          const MarathonApi::Answer& answer, const std::string& contentError) {
    countFailure(fetch.failures == 0, fetch.isFull() ? "all apps" : fetch.appId, resource, answer,
                 contentError);
    const bool isRefused = contentError.empty() && answer.failure == Failure::Unauthorized;
    using Result = FetchPlan::Result;
    plan_.finish(fetch.number, isRefused ? Result::Refused : Result::Bad, timers_.now());
    watchCredentials(contentError.empty() ? answer.failure : Failure::Malformed);
    // The state that was taken last stays true while the stream is open, but not for ever.
    const bool isLost = plan_.fullFailures() >= kMaxFullFailures;
    if (fetch.isFull() && (isLost || reported_->state != SourceState::Connected))
        report(SourceState::Unreachable,
               "all apps: " + (contentError.empty() ? answer.error : contentError));
    if (isLost && api_.masterCount() > 1 && openedAt_ && fetch.isFull()) {
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
