// SPDX-License-Identifier: MIT
// The text of /v1/status. Pure.
#include "workers/api-server/status_json.h"

#include "build_config.h"

#include "protocol/limits.h"
#include "workers/api-server/json_writer.h"
#include "workers/api-server/readiness.h"
#include "workers/api-server/report_values.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::api {

namespace {

using std::chrono::microseconds;

/** Seconds since @p then; nothing if that never was. */
std::optional<double> age(microseconds now, std::uint64_t then) {
    if (then == 0)
        return std::nullopt;
    const auto passed = now - microseconds{static_cast<microseconds::rep>(then)};
    return std::chrono::duration<double>{std::max(passed, microseconds{0})}.count();
}

std::optional<double> age(microseconds now, microseconds then) {
    return age(now, static_cast<std::uint64_t>(then.count()));
}

std::optional<std::uint16_t> portOrNull(std::uint16_t portIndex) {
    if (portIndex == protocol::kWholeApp)
        return std::nullopt;
    return portIndex;
}

void writeSnapshot(JsonWriter& json, const ApiState& state, const ApiTime& now) {
    json.key("snapshot");
    if (!state.snapshot)
        return json.null();
    const protocol::Snapshot& snapshot = *state.snapshot;
    std::size_t instances = 0;
    std::size_t serving = 0;
    for (const auto& app : snapshot.apps) {
        instances += app->instances.size();
        serving +=
            static_cast<std::size_t>(std::ranges::count_if(app->instances, protocol::isServing));
    }
    json.beginObject();
    json.member("generation", snapshot.generation);
    json.member("cause", snapshot.begin.cause);
    json.member("observed_age_seconds", age(now.realtime, snapshot.begin.observedAtUs));
    json.member("applied_age_seconds", age(now.monotonic, state.appliedAt));
    json.member("apps", snapshot.apps.size());
    json.member("instances", instances);
    json.member("serving_instances", serving);
    json.endObject();
}

void writeReasons(JsonWriter& json, std::string_view name, const std::vector<Reason>& reasons) {
    json.key(name);
    json.beginArray();
    for (const Reason& reason : reasons)
        json.value(reason.text);
    json.endArray();
}

void writeReadiness(JsonWriter& json, const ApiState& state, const ApiTime& now) {
    const Readiness readiness = assessReadiness(state, now);
    json.member("ready", readiness.isReady());
    writeReasons(json, "reasons", readiness.reasons);
    writeReasons(json, "notes", readiness.notes);
}

void writeWatcher(JsonWriter& json, const ApiState& state, const ApiTime& now) {
    json.key("watcher");
    const auto source = sourceView(state, now);
    if (!source)
        return json.null();
    json.beginObject();
    json.member("connected", source->isConnected);
    json.member("state", source->state);
    json.member("text", source->text);
    json.member("state_stale", source->isStale);
    json.member("state_confirmed_age_seconds", source->confirmedAge);
    json.member("last_byte_age_seconds", source->lastByteAge);
    json.endObject();
}

void writeMetrics(JsonWriter& json, const protocol::StatusReport& report) {
    json.key("metrics");
    json.beginArray();
    for (const protocol::Metric& metric : report.metrics) {
        json.beginObject();
        json.member("name", metric.name);
        if (!metric.labels.empty()) {
            json.key("labels");
            json.beginObject();
            for (const auto& [name, value] : metric.labels)
                json.member(name, value);
            json.endObject();
        }
        json.member("value", metric.value);
        json.endObject();
    }
    json.endArray();
}

void writeProcesses(JsonWriter& json, const ApiState& state, const ApiTime& now) {
    json.key("processes");
    json.beginArray();
    for (const protocol::ProcessInfo& process :
         state.processes ? state.processes->processes : std::vector<protocol::ProcessInfo>{}) {
        json.beginObject();
        json.member("name", process.name);
        json.member("phase", toString(process.phase));
        json.member("pid", process.pid);
        json.member("generation", process.generation);
        json.member("restarts", process.restarts);
        json.member("uptime_seconds",
                    process.pid == 0 ? std::nullopt : age(now.monotonic, process.startedAtUs));
        json.member("applied_age_seconds", age(now.monotonic, process.appliedAtUs));
        json.member("last_result", process.lastResult);
        const auto report = state.reports.find(process.name);
        const bool hasReport = report != state.reports.end();
        json.member("report_age_seconds",
                    hasReport ? age(now.monotonic, report->second.receivedAt) : std::nullopt);
        if (hasReport)
            writeMetrics(json, report->second.report);
        json.endObject();
    }
    json.endArray();
}

void writeRefusals(JsonWriter& json, const ApiState& state) {
    std::uint64_t omitted = 0;
    json.key("refusals");
    json.beginArray();
    for (const auto& [process, received] : state.reports) {
        omitted += received.report.omittedRefusals;
        for (const protocol::Refusal& refusal : received.report.refusals) {
            json.beginObject();
            json.member("process", process);
            json.member("app", refusal.appId);
            json.member("port_index", portOrNull(refusal.portIndex));
            json.member("reason", refusal.reason);
            json.member("rule", toString(refusal.rule));
            json.member("partial", refusal.isPartial);
            json.endObject();
        }
    }
    json.endArray();
    json.member("refusals_omitted", omitted);
}

void writeProblems(JsonWriter& json, const ApiState& state) {
    std::size_t count = 0;
    json.key("problems");
    json.beginArray();
    if (state.snapshot)
        for (const auto& app : state.snapshot->apps)
            for (const protocol::Problem& problem : app->problems) {
                if (++count > kMaxListedProblems)
                    continue;
                json.beginObject();
                json.member("app", app->id);
                json.member("port_index", portOrNull(problem.portIndex));
                json.member("text", problem.text);
                json.endObject();
            }
    json.endArray();
    json.member("problems_omitted", count - std::min(count, kMaxListedProblems));
}

} // namespace

std::string renderStatus(const ApiState& state, const ApiTime& now) {
    JsonWriter json;
    json.beginObject();
    json.member("version", MMSD_VERSION);
    json.member("protocol", protocol::kProtocolVersion);
    json.member("host", state.options.hostName);
    writeReadiness(json, state, now);
    writeSnapshot(json, state, now);
    json.key("supervisor_generation");
    if (state.processes)
        json.value(state.processes->generation);
    else
        json.null();
    writeWatcher(json, state, now);
    writeProcesses(json, state, now);
    writeRefusals(json, state);
    writeProblems(json, state);
    json.endObject();
    return std::move(json).take() + "\n";
}

} // namespace mmsd::api
