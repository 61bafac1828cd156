// SPDX-License-Identifier: MIT
// ApiServer: answers HTTP from memory.
#include "workers/api-server/api_server.h"

#include "protocol/limits.h"
#include "workers/api-server/api_routes.h"

#include <chrono>
#include <string>
#include <utility>

namespace mmsd::api {

namespace {

/** A successor's clients wait for the state that is on its way; without any they get a 503. */
constexpr std::chrono::milliseconds kFirstStateLimit{500};

} // namespace

ApiServer::ApiServer(EventLoop& loop, TimerFactory& timers, UniqueFd listener,
                     std::size_t connectionLimit)
    : timers_{timers}, server_{loop, timers, std::move(listener), connectionLimit,
                               [this](const HttpRequest& request) {
                                   return prepare(answer(request, state_, now()));
                               }} {
    server_.pause(kFirstStateLimit);
}

void ApiServer::apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) {
    state_.snapshot = std::move(snapshot);
    state_.appliedAt = now().monotonic;
    server_.resume();
    done({});
}

void ApiServer::reapply(worker::ApplyDone done) {
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
}

void ApiServer::onProcessStatus(protocol::ProcessStatus status) {
    state_.processes = std::move(status);
}

void ApiServer::shutDown(std::function<void()> done) {
    server_.shutDown(std::move(done));
}

ApiTime ApiServer::now() const {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    return {duration_cast<microseconds>(timers_.now().time_since_epoch()),
            duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch())};
}

} // namespace mmsd::api
