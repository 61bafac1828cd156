// SPDX-License-Identifier: MIT
// ApiServer: answers HTTP from memory.
#include "workers/api-server/api_server.h"

#include "common/log.h"
#include "protocol/limits.h"
#include "workers/api-server/api_routes.h"
#include "workers/api-server/entity_tag.h"
#include "workers/api-server/readiness.h"
#include "workers/api-server/report_values.h"
#include "workers/api-server/state_changes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace mmsd::api {

namespace {

/** A successor's clients wait for what is on its way: the state, how the processes are, and the
 *  watcher's report; without a state they get a 503. */
constexpr std::chrono::milliseconds kFirstStateLimit{500};

/** Other than that of any process before or after. */
std::string makeEpoch() {
    std::array<char, 24> text{};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(),
                      std::chrono::duration_cast<std::chrono::microseconds>(now).count(), 36);
    return {text.data(), end.ptr};
}

/** The answer, or that the client has it. */
const PreparedResponsePtr& choose(const Answer& answer, std::string_view ifNoneMatch) noexcept {
    const bool isKnown =
        answer.notModified && !ifNoneMatch.empty() && matchesTag(ifNoneMatch, answer.tag);
    return isKnown ? answer.notModified : answer.full;
}

} // namespace

ApiServer::ApiServer(EventLoop& loop, TimerFactory& timers, UniqueFd listener,
                     std::size_t connectionLimit, ViewOptions options)
    : timers_{timers}, streams_{timers, makeEpoch()}, server_{loop, timers, std::move(listener),
                                                              connectionLimit,
                                                              static_cast<HttpServer::Handler&>(
                                                                  *this)} {
    state_.options = std::move(options);
    state_.processesAt = now().monotonic;
    server_.pause(kFirstStateLimit);
}

void ApiServer::apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) {
    const auto before = std::exchange(state_.snapshot, std::move(snapshot));
    const protocol::Snapshot& after = *state_.snapshot;
    const ApiTime time = now();
    state_.appliedAt = time.monotonic;
    cache_.onSnapshot();
    serveIfInformed();

    const std::vector<AppChange> changes = compareSnapshots(before.get(), after);
    const ChangeCounts counts = count(changes);
    held_.refresh(false, [this](const Inquiry& inquiry) { return present(inquiry); });
    streams_.onSnapshot(changes, before == nullptr, after, time);
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    logInfo("state applied",
            {{"generation", after.generation},
             {"cause", after.begin.cause},
             {"apps", counts.apps},
             {"added", counts.added},
             {"removed", counts.removed},
             {"changed", counts.changed},
             {"after_ms", duration_cast<milliseconds>(observedAge(after, time)).count()}});
    done({});
}

void ApiServer::reapply(worker::ApplyDone done) {
    cache_.onSnapshot();
    done({protocol::ApplyResult::Unchanged, ""});
}

protocol::StatusReport ApiServer::report() const {
    using enum protocol::Metric::Kind;
    const auto number = [](auto value) { return static_cast<double>(value); };
    const HttpServer::Counters& counters = server_.counters();
    protocol::StatusReport report;
    report.metrics = {
        {"http_connections", Gauge, {}, number(server_.connectionCount())},
        {"http_connections_total", Counter, {}, number(counters.accepted)},
        {"http_connections_refused_total", Counter, {}, number(counters.turnedAway)},
        {"http_connections_evicted_total", Counter, {}, number(counters.evicted)},
        {"http_held_requests", Gauge, {}, number(held_.size())},
        {"http_event_streams", Gauge, {}, number(streams_.size())},
        {"http_event_streams_dropped_total", Counter, {}, number(streams_.droppedCount())},
        {"http_answer_octets", Gauge, {}, number(cache_.liveOctets())},
    };
    for (std::size_t digit = 2; digit < counters.responses.size(); ++digit)
        report.metrics.push_back({"http_responses_total",
                                  Counter,
                                  {{"code", std::to_string(digit) + "xx"}},
                                  number(counters.responses[digit])});
    return report;
}

void ApiServer::onWorkerStatus(std::string_view process, protocol::StatusReport report) {
    const auto known = state_.reports.find(process);
    if (known != state_.reports.end())
        known->second = {std::move(report), now().monotonic};
    else if (state_.reports.size() < protocol::kMaxProcesses)
        state_.reports.emplace(process, ReceivedReport{std::move(report), now().monotonic});
    serveIfInformed();
    onReport();
}

void ApiServer::onProcessStatus(protocol::ProcessStatus status) {
    // What a process that is not wanted any more said last must not stay as if it were so.
    std::erase_if(state_.reports, [&status](const auto& report) {
        return std::ranges::find(status.processes, report.first, &protocol::ProcessInfo::name) ==
               status.processes.end();
    });
    state_.processes = std::move(status);
    state_.processesAt = now().monotonic;
    trackLag(state_, state_.processesAt);
    serveIfInformed();
    onReport();
}

void ApiServer::shutDown(std::function<void()> done) {
    isStopping_ = true;
    server_.shutDown(std::move(done));
    held_.release();
    streams_.close();
}

void ApiServer::respond(const HttpRequest& request, HttpConnection& connection) {
    // Whatever the client has, the same octets ask for the same answer.
    if (request.method == "GET" || request.method == "HEAD") {
        requestKey_.assign(request.path).append("?").append(request.query);
        requestKey_.append("\n").append(request.accept);
        if (const Answer* known = cache_.find(requestKey_))
            return connection.reply(choose(*known, request.ifNoneMatch));
    }
    if (cache_.liveOctets() > kMaxLiveAnswers)
        return connection.reply(
            prepare(unavailableResponse("too many answers wait to be taken\n")));
    auto understood = understand(request);
    if (auto* refusal = std::get_if<HttpResponse>(&understood))
        connection.reply(prepare(std::move(*refusal)));
    else
        inquire(std::get<Inquiry>(std::move(understood)), request, connection);
}

void ApiServer::inquire(Inquiry inquiry, const HttpRequest& request, HttpConnection& connection) {
    const bool isStream = inquiry.route->freshness == Freshness::Stream;
    if ((isStream || inquiry.wait) && !server_.mayHold())
        return connection.reply(prepare(unavailableResponse("too many clients wait\n")));
    AnswerPtr answer = present(inquiry);
    if (isStream && answer->full->status == 200)
        return isStopping_ ? connection.reply(prepare(unavailableResponse("the server ends\n")))
                           : streams_.open(connection, answer->full, inquiry, request.lastEventId);
    if (!inquiry.wait)
        cache_.keepFor(requestKey_, inquiry, answer);
    if (inquiry.wait && !isStopping_ && !answer->tag.empty() &&
        matchesTag(request.ifNoneMatch, answer->tag)) {
        const auto limit = *inquiry.wait;
        held_.add(connection, {std::move(inquiry), std::move(answer)});
        return connection.hold(limit);
    }
    connection.reply(choose(*answer, request.ifNoneMatch));
}

void ApiServer::onHoldOver(HttpConnection& connection) {
    const HeldRequests::Request request = held_.take(connection);
    connection.reply(unchanged(*request.known));
}

void ApiServer::onHeldClosed(HttpConnection& connection) noexcept {
    held_.remove(connection);
    streams_.remove(connection);
}

AnswerPtr ApiServer::present(const Inquiry& inquiry) {
    return cache_.answer(inquiry, state_, now());
}

void ApiServer::serveIfInformed() {
    if (state_.snapshot && state_.processes && state_.reports.contains(kWatcher))
        server_.resume();
}

void ApiServer::onReport() {
    cache_.onReport();
    held_.refresh(true, [this](const Inquiry& inquiry) { return present(inquiry); });
}

ApiTime ApiServer::now() const {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    return {duration_cast<microseconds>(timers_.now().time_since_epoch()),
            duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch())};
}

} // namespace mmsd::api
