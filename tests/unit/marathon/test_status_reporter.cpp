// SPDX-License-Identifier: MIT
// Tests of the watcher's report: what operators and the api-server build on.
#include "common/event_loop.h"
#include "daemon/marathon/full_answer.h"
#include "daemon/marathon/status_reporter.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/unit/marathon/support.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;
using Labels = std::vector<std::pair<std::string, std::string>>;

class FakeSource final : public Source {
public:
    SourceCounters seen;

    void start() override {}
    void resync(const std::string&) override {}
    [[nodiscard]] const SourceCounters& counters() const override { return seen; }
};

struct Scene {
    EventLoop loop;
    test::FakeTimerFactory timers;
    test::FakeHosts hosts;
    test::RecordingOutlet outlet;
    SnapshotPublisher publisher{outlet, nullptr, 0};
    StateKeeper keeper{timers, hosts, publisher};
    HostResolver resolver{loop, timers};
    FakeSource source;
    StatusReporter reporter{timers, outlet, source, keeper, publisher, resolver};

    /** The value in the last report; nothing if it is not there. */
    [[nodiscard]] std::optional<double> value(const std::string& name,
                                              const Labels& labels = {}) const {
        const auto& metrics = outlet.reports.back().metrics;
        const auto found = std::ranges::find_if(metrics, [&](const protocol::Metric& metric) {
            return metric.name == name && metric.labels == labels;
        });
        return found == metrics.end() ? std::nullopt : std::optional{found->value};
    }
};

} // namespace

TEST_CASE("status_reporter: says which master, what failed, and since when", "[marathon][status]") {
    Scene scene;
    scene.reporter.start();
    CHECK(scene.value("source_connected") == 0);
    CHECK(scene.value("source_info", {{"state", "connecting"}, {"text", ""}}) == 1);
    CHECK(scene.value("source_last_confirmed_timestamp_seconds") == 0);
    CHECK(scene.value("stream_last_byte_timestamp_seconds") == 0);
    CHECK(scene.value("state_stale") == 1);

    scene.reporter.setSource({protocol::SourceState::Connected, "http://m:8080"});
    scene.source.seen.lastStreamByte = WallTime{milliseconds{1'500'000'000'250}};
    CHECK(scene.keeper
              .takeFull(FullAnswer{scene.keeper.store(), 1}, scene.timers.now(), Cause{"full", 1})
              .changed.empty());
    scene.timers.advance(milliseconds{1'000});
    CHECK(scene.value("source_connected") == 1);
    CHECK(scene.value("source_info", {{"state", "connected"}, {"text", "http://m:8080"}}) == 1);
    CHECK(scene.value("stream_last_byte_timestamp_seconds") == 1'500'000'000.25);
    CHECK(scene.value("source_last_confirmed_timestamp_seconds").value() > 1'500'000'000);
    CHECK(scene.value("state_stale") == 0);
}

TEST_CASE("status_reporter: counts by kind, result, reason and type", "[marathon][status]") {
    Scene scene;
    scene.source.seen.events["status_update_event"] = 7;
    scene.source.seen.requests[{"app", "ok"}] = 3;
    scene.source.seen.failures[{"stream", "timeout"}] = 2;
    scene.source.seen.resyncs = 4;
    scene.source.seen.driftedApps = 5;
    scene.reporter.start();
    CHECK(scene.value("events_total", {{"type", "status_update_event"}}) == 7);
    CHECK(scene.value("requests_total", {{"kind", "app"}, {"result", "ok"}}) == 3);
    CHECK(scene.value("request_errors_total", {{"kind", "stream"}, {"reason", "timeout"}}) == 2);
    CHECK(scene.value("resyncs_total") == 4);
    CHECK(scene.value("drifted_apps_total") == 5);
    CHECK(scene.value("snapshots_held_total") == 0);
}

TEST_CASE("status_reporter: reports changes once a second and all else every ten",
          "[marathon][status]") {
    Scene scene;
    scene.reporter.start();
    REQUIRE(scene.outlet.reports.size() == 1);
    scene.timers.advance(milliseconds{9'900});
    CHECK(scene.outlet.reports.size() == 1);
    scene.timers.advance(milliseconds{200});
    CHECK(scene.outlet.reports.size() == 2);
    scene.source.seen.streamsOpened = 1;
    scene.timers.advance(milliseconds{1'000});
    CHECK(scene.outlet.reports.size() == 3);
}

} // namespace mmsd::marathon
