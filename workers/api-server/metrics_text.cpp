// SPDX-License-Identifier: MIT
// The text of /metrics. Pure.
#include "workers/api-server/metrics_text.h"

#include "build_config.h"

#include "protocol/limits.h"
#include "workers/api-server/metric_families.h"
#include "workers/api-server/readiness.h"
#include "workers/api-server/report_values.h"

#include <array>
#include <map>
#include <set>
#include <string_view>
#include <tuple>

namespace mmsd::api {

namespace {

using enum FamilyType;
using protocol::Metric;
using protocol::Phase;

constexpr std::array kPhases{Phase::Starting, Phase::Running, Phase::Stopping, Phase::BackingOff,
                             Phase::Stopped};
constexpr std::array<std::string_view, 3> kHistogramSuffixes{"_bucket", "_sum", "_count"};
/** Free text, which would make a series of each wording. */
constexpr std::string_view kTextLabel = "text";

bool hasLabel(const Metric& metric, std::string_view wanted) {
    for (const auto& [name, value] : metric.labels)
        if (name == wanted)
            return true;
    return false;
}

/** Names of the histograms that a report has. */
std::set<std::string_view> histogramsOf(const protocol::StatusReport& report) {
    std::set<std::string_view> names;
    for (const Metric& metric : report.metrics) {
        std::string_view name = metric.name;
        if (name.ends_with(kHistogramSuffixes[0]) && hasLabel(metric, "le")) {
            name.remove_suffix(kHistogramSuffixes[0].size());
            names.insert(name);
        }
    }
    return names;
}

class MetricsPage {
public:
    MetricsPage(const ApiState& state, const ApiTime& now) : state_{state}, now_{now} {}

    std::string render() {
        const std::string protocolVersion = std::to_string(protocol::kProtocolVersion);
        families_.add("build_info", Gauge,
                      {{"version", MMSD_VERSION}, {"protocol", protocolVersion}}, 1);
        families_.add("ready", Gauge, {}, assessReadiness(state_, now_).isReady() ? 1 : 0);
        addFreshness();
        addProcesses();
        for (const auto& [process, received] : state_.reports) {
            addReport(process, received.report);
            addRefusals(process, received.report);
            families_.add("report_age_seconds", Gauge, {{"process", process}},
                          secondsBetween(received.receivedAt, now_.monotonic));
        }
        return families_.toText();
    }

private:
    void addAge(std::string_view name, const std::optional<double>& age) {
        if (age)
            families_.add(name, Gauge, {}, *age);
    }

    void addFreshness() {
        if (const auto source = sourceView(state_, now_)) {
            addAge("state_confirmed_age_seconds", source->confirmedAge);
            addAge("stream_last_byte_age_seconds", source->lastByteAge);
        }
        const double limit =
            std::chrono::duration<double>{confirmationLimit(state_.options.resyncInterval)}.count();
        families_.add("state_confirmed_age_limit_seconds", Gauge, {}, limit);
        if (state_.snapshot)
            families_.add("snapshot_generation", Gauge, {},
                          static_cast<double>(state_.snapshot->generation));
    }

    void addProcesses() {
        if (!state_.processes)
            return;
        families_.add("generation", Gauge, {}, static_cast<double>(state_.processes->generation));
        for (const protocol::ProcessInfo& process : state_.processes->processes) {
            const std::pair<std::string_view, std::string_view> label{"process", process.name};
            for (const Phase phase : kPhases)
                families_.add("process_phase", Gauge, {label, {"phase", toString(phase)}},
                              process.phase == phase ? 1 : 0);
            families_.add("process_restarts_total", Counter, {label}, process.restarts);
            families_.add("process_generation", Gauge, {label},
                          static_cast<double>(process.generation));
            addInstant("process_start_time_seconds", label, process.startedAtUs);
            addInstant("process_last_applied_timestamp_seconds", label, process.appliedAtUs);
        }
    }

    /** A moment of the monotonic clock as one of the calendar. */
    void addInstant(std::string_view name, std::pair<std::string_view, std::string_view> label,
                    std::uint64_t monotonicUs) {
        if (monotonicUs == 0)
            return;
        const auto then = std::chrono::microseconds{static_cast<std::int64_t>(monotonicUs)};
        families_.add(
            name, Gauge, {label},
            std::chrono::duration<double>{now_.realtime - (now_.monotonic - then)}.count());
    }

    void addReport(std::string_view process, const protocol::StatusReport& report) {
        const std::set<std::string_view> histograms = histogramsOf(report);
        for (const Metric& metric : report.metrics) {
            if (hasLabel(metric, kTextLabel))
                continue;
            MetricFamilies::Labels labels{{"process", process}};
            labels.insert(labels.end(), metric.labels.begin(), metric.labels.end());
            std::string_view name = metric.name;
            FamilyType type = metric.kind == Metric::Kind::Counter ? Counter : Gauge;
            std::string_view suffix;
            for (const std::string_view each : kHistogramSuffixes)
                if (name.ends_with(each) &&
                    histograms.contains(name.substr(0, name.size() - each.size()))) {
                    name.remove_suffix(each.size());
                    type = Histogram;
                    suffix = each;
                }
            families_.add(name, type, labels, metric.value, suffix);
        }
    }

    void addRefusals(std::string_view process, const protocol::StatusReport& report) {
        std::map<std::pair<std::string_view, bool>, std::uint64_t> counts;
        std::set<std::tuple<std::string_view, std::string_view, std::uint16_t>> ports;
        for (const protocol::Refusal& refusal : report.refusals) {
            ++counts[{toString(refusal.rule), refusal.isPartial}];
            if (!refusal.isPartial)
                ports.emplace(toString(refusal.rule), refusal.appId, refusal.portIndex);
        }
        for (const auto& [key, count] : counts)
            families_.add("refusals", Gauge,
                          {{"process", process},
                           {"rule", key.first},
                           {"partial", key.second ? "true" : "false"}},
                          static_cast<double>(count));
        std::map<std::string_view, std::uint64_t> byRule;
        for (const auto& port : ports)
            ++byRule[std::get<0>(port)];
        for (const auto& [rule, count] : byRule)
            families_.add("refused_ports", Gauge, {{"process", process}, {"rule", rule}},
                          static_cast<double>(count));
        families_.add("refusals_omitted", Gauge, {{"process", process}}, report.omittedRefusals);
    }

    const ApiState& state_;
    const ApiTime& now_;
    MetricFamilies families_;
};

} // namespace

std::string renderMetrics(const ApiState& state, const ApiTime& now) {
    return MetricsPage{state, now}.render();
}

} // namespace mmsd::api
