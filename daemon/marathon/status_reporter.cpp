// SPDX-License-Identifier: MIT
// StatusReporter: the watcher's own report, for metrics and /v1/status.
#include "daemon/marathon/status_reporter.h"

#include "protocol/limits.h"

#include <chrono>

namespace mmsd::marathon {

namespace {

using protocol::Metric;
using protocol::StatusReport;

constexpr std::chrono::milliseconds kLeast{1'000};
constexpr std::chrono::milliseconds kMost{10'000};
/** After the source has changed. */
constexpr std::chrono::milliseconds kSoon{100};

void addGauge(StatusReport& report, const char* name, auto value) {
    report.metrics.push_back({name, Metric::Kind::Gauge, {}, static_cast<double>(value)});
}

void addCounter(StatusReport& report, const char* name, std::uint64_t value) {
    report.metrics.push_back({name, Metric::Kind::Counter, {}, static_cast<double>(value)});
}

void addCounters(StatusReport& report, const char* name, const char* label,
                 const std::map<std::string, std::uint64_t>& values) {
    for (const auto& [text, value] : values)
        report.metrics.push_back(
            {name, Metric::Kind::Counter, {{label, text}}, static_cast<double>(value)});
}

void addCounters(StatusReport& report, const char* name, const char* label,
                 const SourceCounters::Pairs& values) {
    for (const auto& [key, value] : values)
        report.metrics.push_back({name,
                                  Metric::Kind::Counter,
                                  {{"kind", key.first}, {label, key.second}},
                                  static_cast<double>(value)});
}

/** @param time nothing is told as 0 */
void addTimestamp(StatusReport& report, const char* name, std::optional<WallTime> time) {
    const auto sinceEpoch = std::chrono::duration_cast<std::chrono::milliseconds>(
        time.value_or(WallTime{}).time_since_epoch());
    addGauge(report, name, static_cast<double>(sinceEpoch.count()) / 1'000);
}

void addRefusal(StatusReport& report, protocol::Refusal refusal) {
    if (report.refusals.size() < protocol::kMaxRefusals)
        report.refusals.push_back(std::move(refusal));
    else
        ++report.omittedRefusals;
}

} // namespace

StatusReporter::StatusReporter(TimerFactory& timers, Outlet& outlet, const Source& source,
                               const StateKeeper& keeper, const SnapshotPublisher& publisher,
                               const HostResolver& resolver)
    : timers_{timers}, outlet_{outlet}, source_{source}, keeper_{keeper},
      publisher_{publisher}, resolver_{resolver}, timer_{timers.create([this] { look(); })} {}

void StatusReporter::setSource(protocol::SourceStatus status) {
    status_ = std::move(status);
    if (timer_->isActive())
        timer_->start(kSoon);
}

void StatusReporter::look() {
    timer_->start(kLeast);
    protocol::Payload report = encode(makeReport());
    const TimePoint now = timers_.now();
    if (report == last_ && now - lastSent_ < kMost)
        return;
    last_ = std::move(report);
    lastSent_ = now;
    outlet_.sendStatus(last_);
}

StatusReport StatusReporter::makeReport() const {
    StatusReport report;
    const SourceCounters& counters = source_.counters();
    report.metrics.push_back(
        {"source_info",
         Metric::Kind::Gauge,
         {{"state", std::string{toString(status_.state)}}, {"text", status_.text}},
         1});
    addGauge(report, "source_connected", status_.state == protocol::SourceState::Connected);
    addTimestamp(report, "source_last_confirmed_timestamp_seconds", keeper_.confirmedAt());
    addTimestamp(report, "stream_last_byte_timestamp_seconds", counters.lastStreamByte);
    addGauge(report, "state_stale", !keeper_.confirmedAt());
    addGauge(report, "state_held", keeper_.isHolding());
    addCounter(report, "snapshots_held_total", keeper_.heldCount());
    addCounter(report, "resyncs_total", counters.resyncs);
    addCounter(report, "drifted_apps_total", counters.driftedApps);
    addGauge(report, "apps", publisher_.published().apps);
    addGauge(report, "instances", publisher_.published().instances);
    addGauge(report, "instances_serving", publisher_.published().serving);
    addGauge(report, "snapshot_bytes", publisher_.bytes());
    addGauge(report, "apps_dirty", counters.dirtyApps);
    addGauge(report, "hosts", resolver_.size());
    addGauge(report, "hosts_unresolved", resolver_.unresolvedCount());
    addCounter(report, "streams_opened_total", counters.streamsOpened);
    addCounter(report, "events_malformed_total", counters.malformedEvents);
    addCounters(report, "events_total", "type", counters.events);
    addCounters(report, "requests_total", "result", counters.requests);
    addCounters(report, "request_errors_total", "reason", counters.failures);

    std::size_t problems = keeper_.unusable().size();
    for (const auto& [id, reason] : keeper_.unusable())
        addRefusal(report, {id, protocol::kWholeApp, reason});
    for (const auto& [id, list] : publisher_.refusals()) {
        problems += list.size();
        for (const protocol::Problem& problem : list)
            addRefusal(report, {id, problem.portIndex, problem.text, protocol::RefusalRule::Other,
                                true}); // the app is in the state all the same
    }
    addGauge(report, "problems", problems);
    return report;
}

} // namespace mmsd::marathon
