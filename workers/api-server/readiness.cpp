// SPDX-License-Identifier: MIT
// Whether this node's outputs can be trusted, and why not. Pure.
#include "workers/api-server/readiness.h"

#include "common/duration.h"
#include "workers/api-server/report_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mmsd::api {

namespace {

using protocol::Phase;
using protocol::ProcessInfo;

constexpr std::string_view kRejected = "rejected";

double seconds(std::chrono::milliseconds time) {
    return std::chrono::duration<double>{time}.count();
}

class Assessor {
public:
    Assessor(const ApiState& state, const ApiTime& now) : state_{state}, now_{now} {}

    Readiness assess() {
        if (!state_.snapshot)
            refuse("no_state", "", "no state from Marathon yet");
        assessSource();
        if (!state_.processes)
            refuse("no_supervisor", "", "the supervisor has not said which processes there are");
        else
            for (const ProcessInfo& process : state_.processes->processes)
                assessProcess(process);
        return std::move(result_);
    }

private:
    void refuse(std::string_view code, std::string process, std::string text) {
        result_.reasons.push_back({code, std::move(process), std::move(text)});
    }
    void note(std::string_view code, std::string process, std::string text) {
        result_.notes.push_back({code, std::move(process), std::move(text)});
    }

    void assessSource() {
        const auto source = sourceView(state_, now_);
        if (!source)
            return refuse("no_report", std::string{kWatcher}, "no report from the watcher yet");
        const std::string confirmed =
            source->confirmedAge ? "last confirmed " + formatAge(*source->confirmedAge) + " ago"
                                 : std::string{"not confirmed since the watcher started"};
        const double limit = seconds(confirmationLimit(state_.options.resyncInterval));
        const bool isOld = !source->confirmedAge || *source->confirmedAge > limit;
        if (state_.snapshot && (source->isStale || !source->confirmedAge))
            refuse("stale", std::string{kWatcher},
                   "the state is that of an earlier run; " + confirmed);
        else if (source->confirmedAge && isOld)
            refuse("unconfirmed", std::string{kWatcher},
                   fmt::format("{}, more than {}", confirmed, formatAge(limit)));
        if (!source->isConnected) {
            std::string text = source->state == "unreachable" ? "Marathon is unreachable"
                                                              : "not connected to Marathon";
            if (source->lastByteAge)
                text += ", its last word came " + formatAge(*source->lastByteAge) + " ago";
            if (!source->text.empty())
                text += ": " + source->text;
            (isOld ? result_.reasons : result_.notes)
                .push_back({"unreachable", std::string{kWatcher}, std::move(text)});
        }
    }

    void assessProcess(const ProcessInfo& process) {
        assessPhase(process);
        const bool isSource = process.name == kWatcher;
        if (!isSource && process.lastResult.starts_with(kRejected))
            refuse("rejected", process.name, process.name + ": " + process.lastResult);
        else if (const auto behind = state_.behindSince.find(process.name);
                 !isSource && behind != state_.behindSince.end())
            assessLag(process, secondsBetween(behind->second, now_.monotonic));
        const auto report = state_.reports.find(process.name);
        if (report == state_.reports.end() || process.phase != Phase::Running)
            return;
        const double age = secondsBetween(report->second.receivedAt, now_.monotonic);
        if (age > seconds(kReportLimit))
            refuse("no_report", process.name,
                   fmt::format("no report from {} for {}", process.name, formatAge(age)));
    }

    void assessPhase(const ProcessInfo& process) {
        if (process.phase == Phase::Running)
            return;
        const auto started =
            std::chrono::microseconds{static_cast<std::int64_t>(process.startedAtUs)};
        const bool isYoung = process.startedAtUs != 0 && process.phase == Phase::Starting &&
                             secondsBetween(started, now_.monotonic) <= seconds(kProcessLimit);
        std::string text = fmt::format("{} is {}", process.name, toString(process.phase));
        if (!process.lastResult.empty())
            text += ": " + process.lastResult;
        // A restart takes milliseconds: who asks in between need not look elsewhere.
        if (isYoung || process.phase == Phase::Stopping)
            note("process", process.name, std::move(text));
        else
            refuse("process", process.name, std::move(text));
    }

    void assessLag(const ProcessInfo& process, double age) {
        std::string text =
            fmt::format("{} has generation {} in force, {} is known, for {}", process.name,
                        process.generation, state_.processes->generation, formatAge(age));
        if (age > seconds(kProcessLimit))
            refuse("behind", process.name, std::move(text));
    }

    const ApiState& state_;
    const ApiTime& now_;
    Readiness result_;
};

} // namespace

std::chrono::milliseconds confirmationLimit(std::chrono::milliseconds resyncInterval) noexcept {
    // The watcher adds up to a tenth; the rest is for the fetch itself.
    return resyncInterval * 5 / 2 + std::chrono::seconds{10};
}

void trackLag(ApiState& state, std::chrono::microseconds now) {
    std::map<std::string, std::chrono::microseconds, std::less<>> behind;
    for (const ProcessInfo& process : state.processes->processes) {
        if (process.generation >= state.processes->generation)
            continue;
        const auto before = state.behindSince.find(process.name);
        const auto known = state.lastGeneration.find(process.name);
        // Who comes further, but never quite to the newest, is busy and not stuck.
        const bool isStuck = before != state.behindSince.end() &&
                             known != state.lastGeneration.end() &&
                             known->second == process.generation;
        behind.emplace(process.name, isStuck ? before->second : now);
    }
    for (const ProcessInfo& process : state.processes->processes)
        state.lastGeneration[process.name] = process.generation;
    state.behindSince = std::move(behind);
}

Readiness assessReadiness(const ApiState& state, const ApiTime& now) {
    return Assessor{state, now}.assess();
}

std::vector<Reason> assessHealth(const ApiState& state, const ApiTime& now) {
    const double age = secondsBetween(state.processesAt, now.monotonic);
    if (age <= seconds(kSupervisorLimit))
        return {};
    return {{"supervisor", "", "no word from the supervisor for " + formatAge(age)}};
}

} // namespace mmsd::api
