// SPDX-License-Identifier: MIT
// What the watcher's tests share: host names by a table, one moment, apps from JSON.
#pragma once

#include "daemon/marathon/app_evaluator.h"
#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/outlet.h"
#include "daemon/marathon/timestamp.h"
#include "protocol/snapshot_assembler.h"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace mmsd::test {

/** Answers from a table; numeric hosts as they are. */
class FakeHosts final : public marathon::HostLookup {
public:
    std::map<std::string, std::vector<IpAddress>> known;
    std::optional<IpAddress> fallback; ///< for every other name
    bool isBusy = false;

    Answer find(const std::string& host) override {
        if (const auto address = IpAddress::parse(host))
            return {{*address}, false};
        if (const auto found = known.find(host); found != known.end())
            return {found->second, found->second.empty()};
        if (fallback)
            return {{*fallback}, false};
        return {};
    }
    [[nodiscard]] bool isWaiting() const override { return isBusy; }
};

inline IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

/** A moment on both clocks; later ones by adding. */
inline marathon::Now moment(std::chrono::milliseconds after = {}) {
    return {marathon::TimePoint{std::chrono::hours{100}} + after,
            marathon::parseTimestamp("2020-06-01T12:00:00Z").value() + after};
}

/** Keeps what was sent; decodes snapshots. */
class RecordingOutlet final : public marathon::Outlet {
public:
    /** The state after each transaction that led to a new one. */
    std::vector<std::shared_ptr<const protocol::Snapshot>> snapshots;
    std::vector<protocol::SharedFrames> frames; ///< all transactions
    std::vector<protocol::SourceStatus> statuses;
    std::vector<protocol::StatusReport> reports;
    bool isFull = false;

    void sendSnapshot(protocol::SharedFrames sent) override {
        std::span<const std::byte> rest{*sent};
        bool isComplete = false;
        while (const auto frame = protocol::takeFrame(rest))
            isComplete = assembler_.take(*frame);
        CHECK((isComplete && rest.empty()));
        const auto& state = assembler_.last();
        const bool isNew = snapshots.empty() || state->generation != snapshots.back()->generation;
        if (isNew)
            snapshots.push_back(state);
        else // the same as a whole
            CHECK(protocol::differences(snapshots.back().get(), *state).empty());
        frames.push_back(std::move(sent));
    }
    void sendStatus(const protocol::Payload& report) override {
        reports.push_back(protocol::decodeStatusReport(report));
    }
    void sendSourceStatus(const protocol::SourceStatus& status) override {
        statuses.push_back(status);
    }
    [[nodiscard]] bool isBusy() const override { return isFull; }

private:
    protocol::SnapshotAssembler assembler_;
};

/** An app with one host port and @p count running tasks on 10.0.0.1. */
inline std::string appJson(const std::string& id, int count, const std::string& extra = "") {
    std::string tasks;
    for (int i = 0; i < count; ++i) {
        tasks += (i == 0 ? "" : ",");
        tasks += R"({"id":")" + id + "." + std::to_string(i) +
                 R"(","host":"10.0.0.1","state":"TASK_RUNNING","ports":[)" +
                 std::to_string(31'000 + i) + "]}";
    }
    return R"({"id":")" + id + R"(","portDefinitions":[{"port":10000}],"tasks":[)" + tasks + "]" +
           extra + "}";
}

/** The status of a pod in host mode with one endpoint and @p count stable instances. */
inline std::string podJson(const std::string& id, int count) {
    std::string instances;
    for (int i = 0; i < count; ++i) {
        const std::string number = std::to_string(i);
        instances += (i == 0 ? "" : ",");
        instances += R"({"id":"pod.instance-)" + number +
                     R"(","status":"STABLE","agentHostname":"10.0.0.2","containers":[{"name":"c",)"
                     R"("status":"TASK_RUNNING","endpoints":[{"name":"web","allocatedHostPort":)" +
                     std::to_string(32'000 + i) + "}]}]}";
    }
    return R"({"id":")" + id +
           R"(","spec":{"version":"v","containers":[{"name":"c","endpoints":[{"name":"web",)"
           R"("hostPort":0,"protocol":["tcp"]}]}],"networks":[{"mode":"host"}]},"instances":[)" +
           instances + "]}";
}

} // namespace mmsd::test
