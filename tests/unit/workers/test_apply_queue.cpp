// SPDX-License-Identifier: MIT
// Tests of the queue in front of a worker.
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/runtime/apply_queue.h"

#include <string>
#include <vector>

using mmsd::protocol::ApplyResult;
using mmsd::protocol::SnapshotApplied;
using mmsd::test::FakeTimerFactory;
using mmsd::worker::ApplyDone;
using mmsd::worker::ApplyQueue;
using namespace std::chrono_literals;

namespace {

/** Notes what it is asked for; answers at once or when told. */
class RecordingWorker final : public mmsd::worker::Worker {
public:
    void apply(mmsd::test::SnapshotPointer snapshot, ApplyDone done) override {
        calls.push_back("apply " + std::to_string(snapshot->generation));
        take(std::move(done));
    }
    void reapply(ApplyDone done) override {
        calls.emplace_back("reapply");
        take(std::move(done));
    }
    [[nodiscard]] mmsd::protocol::StatusReport report() const override { return {}; }

    void finish(ApplyResult result = ApplyResult::Applied) {
        std::exchange(pending, nullptr)({result, "text"});
    }

    std::vector<std::string> calls;
    ApplyDone pending;
    bool isAsynchronous = false;

private:
    void take(ApplyDone done) {
        REQUIRE_FALSE(pending);
        pending = std::move(done);
        if (!isAsynchronous)
            finish();
    }
};

struct Fixture {
    FakeTimerFactory timers;
    RecordingWorker worker;
    std::vector<std::pair<std::uint64_t, SnapshotApplied>> applied;
    ApplyQueue queue{worker, timers,
                     [this](std::uint64_t generation, const SnapshotApplied& result) {
                         applied.emplace_back(generation, result);
                     }};
    void push(std::uint64_t generation) {
        queue.push(mmsd::test::snapshotOf(std::vector<mmsd::protocol::App>{}, generation));
    }
};

using Calls = std::vector<std::string>;

} // namespace

TEST_CASE("apply queue: applies at once and tells", "[workers][queue]") {
    Fixture f;
    f.push(7);
    REQUIRE(f.applied.size() == 1);
    CHECK(f.applied[0].first == 7);
    CHECK(f.applied[0].second.result == ApplyResult::Applied);
    CHECK(f.applied[0].second.text == "text");
    CHECK(f.applied[0].second.duration == 0us);
}

TEST_CASE("apply queue: only the newest waits for a slow worker", "[workers][queue]") {
    Fixture f;
    f.worker.isAsynchronous = true;
    f.push(1);
    f.timers.skip(20ms);
    f.push(2);
    f.push(3);
    f.timers.skip(30ms);
    CHECK(f.worker.calls == Calls{"apply 1"});
    f.worker.finish();
    CHECK(f.worker.calls == Calls{"apply 1", "apply 3"});
    f.worker.finish(ApplyResult::Rejected);
    REQUIRE(f.applied.size() == 2);
    CHECK(f.applied[0].second.duration == 50ms);
    CHECK(f.applied[1].first == 3);
    CHECK(f.applied[1].second.duration == 30ms); // from its arrival, not from its start
    CHECK(f.applied[1].second.result == ApplyResult::Rejected);
}

TEST_CASE("apply queue: reapply needs a state and comes after what is under way",
          "[workers][queue]") {
    Fixture f;
    f.worker.isAsynchronous = true;
    f.queue.reapply();
    CHECK(f.worker.calls.empty());
    f.push(1);
    f.queue.reapply();
    f.queue.reapply();
    f.push(2);
    f.worker.finish();
    f.worker.finish();
    f.worker.finish();
    CHECK(f.worker.calls == Calls{"apply 1", "apply 2", "reapply"});
    CHECK_FALSE(f.worker.pending);
    REQUIRE(f.applied.size() == 3);
    CHECK(f.applied[2].first == 0);
}

TEST_CASE("apply queue: takes nothing once closed", "[workers][queue]") {
    Fixture f;
    f.worker.isAsynchronous = true;
    f.push(1);
    f.push(2);
    f.queue.close();
    f.worker.finish();
    f.push(3);
    f.queue.reapply();
    CHECK(f.worker.calls == Calls{"apply 1"});
}
