// SPDX-License-Identifier: MIT
// Tests of what is fetched when, with a time of our own.
#include "daemon/marathon/fetch_plan.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

#include <map>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;
using Ids = std::vector<std::string>;
using Result = FetchPlan::Result;

struct Scene {
    FetchPlan plan{1};
    milliseconds time{0};
    std::vector<FetchPlan::Fetch> started;

    [[nodiscard]] TimePoint now() const { return test::moment(time).steady; }
    void dirty(const std::string& id) { plan.wantApp(id, Cause{"event " + id, 7}, now()); }
    void all() { plan.wantAll(Cause{"all", 8}, now()); }
    void allSoon() { plan.wantAllSoon(Cause{"soon", 9}, now()); }
    /** What starts now; "*" = all apps. */
    Ids take() {
        Ids ids;
        for (FetchPlan::Fetch& fetch : plan.take(now())) {
            ids.push_back(fetch.isFull() ? "*" : fetch.appId);
            started.push_back(std::move(fetch));
        }
        return ids;
    }
    void finish(const std::string& id, bool isGood = true) {
        finish(id, isGood ? Result::Good : Result::Bad);
    }
    void finish(const std::string& id, Result result) {
        const auto is = [&](const auto& fetch) { return fetch.appId == (id == "*" ? "" : id); };
        const auto fetch = std::ranges::find_if(started, is);
        REQUIRE(fetch != started.end());
        CHECK(plan.finish(fetch->number, result, now()));
        started.erase(fetch);
    }
    [[nodiscard]] std::optional<milliseconds> due() const {
        const auto next = plan.nextDue();
        if (!next)
            return std::nullopt;
        return std::chrono::duration_cast<milliseconds>(*next - test::moment().steady);
    }
};

} // namespace

TEST_CASE("fetch_plan: the first hint acts at once, others join", "[marathon][plan]") {
    Scene scene;
    scene.dirty("/a");
    CHECK(scene.take() == Ids{"/a"});
    scene.finish("/a");
    scene.time = milliseconds{10};
    scene.dirty("/b");
    scene.dirty("/c");
    CHECK(scene.take().empty());
    CHECK(scene.due() == milliseconds{50});
    scene.time = milliseconds{50};
    CHECK(scene.take() == Ids{"/b", "/c"});
    scene.finish("/b");
    scene.finish("/c");
    scene.time = milliseconds{200};
    scene.dirty("/d");
    CHECK(scene.take() == Ids{"/d"});
    CHECK_FALSE(scene.due());
}

TEST_CASE("fetch_plan: an app that is dirty again waits for its own answer", "[marathon][plan]") {
    Scene scene;
    scene.dirty("/a");
    scene.dirty("/a");
    CHECK(scene.take() == Ids{"/a"});
    scene.dirty("/a");
    scene.time = milliseconds{60};
    CHECK(scene.take().empty());
    CHECK_FALSE(scene.due());
    scene.finish("/a");
    CHECK(scene.take() == Ids{"/a"});
    CHECK(scene.started.back().number == 2);
    CHECK(scene.started.back().cause.text == "event /a");
}

TEST_CASE("fetch_plan: few requests at a time", "[marathon][plan]") {
    Scene scene;
    for (const char* id : {"/a", "/b", "/c", "/d", "/e", "/f"})
        scene.dirty(id);
    CHECK(scene.take() == Ids{"/a", "/b", "/c", "/d"});
    CHECK_FALSE(scene.due());
    scene.finish("/b");
    CHECK(scene.take() == Ids{"/e"});
    scene.all();
    CHECK(scene.take().empty());
    scene.finish("/a");
    CHECK(scene.take() == Ids{"*"});
    CHECK(scene.plan.dirtyCount() == 1);
    scene.finish("/c");
    CHECK(scene.take() == Ids{"/f"});
}

TEST_CASE("fetch_plan: many dirty apps become one full fetch", "[marathon][plan]") {
    Scene scene;
    for (std::size_t i = 0; i <= FetchPlan::kMaxDirty; ++i)
        scene.dirty("/app-" + std::to_string(i));
    CHECK(scene.take() == Ids{"*"});
    CHECK(scene.started.back().cause.text == "event /app-0");
    CHECK(scene.plan.dirtyCount() == 0);
    CHECK_FALSE(scene.due());
}

TEST_CASE("fetch_plan: a storm of events costs few requests", "[marathon][plan]") {
    const std::size_t apps = GENERATE(1, 4, 100, 2'000);
    const milliseconds duration = GENERATE(milliseconds{3}, milliseconds{400}); // of a request
    CAPTURE(apps, duration);
    Scene scene;
    std::size_t requests = 0;
    std::map<std::string, milliseconds> hinted; // not fetched since
    std::map<RequestNumber, milliseconds> ends; // of requests under way
    const auto step = [&] {
        while (!ends.empty() && ends.begin()->second <= scene.time) {
            CHECK(scene.plan.finish(ends.begin()->first, Result::Good, scene.now()));
            ends.erase(ends.begin());
        }
        for (const FetchPlan::Fetch& fetch : scene.plan.take(scene.now())) {
            ++requests;
            ends.emplace(fetch.number, scene.time + duration);
            fetch.isFull() ? hinted.clear() : static_cast<void>(hinted.erase(fetch.appId));
        }
    };
    for (std::size_t i = 0; i < 2'000; ++i) { // in two seconds
        const std::string id = "/app-" + std::to_string(i % apps);
        scene.dirty(id);
        hinted.try_emplace(id, scene.time);
        step();
        scene.time += milliseconds{1};
    }
    CHECK(requests <= 50);
    const milliseconds end = scene.time;
    while (scene.due() || !ends.empty()) {
        scene.time += milliseconds{1};
        step();
        REQUIRE(scene.time < end + std::chrono::seconds{5}); // soon all is quiet
    }
    CHECK(hinted.empty()); // nothing was forgotten
}

TEST_CASE("fetch_plan: a change now and then has its turn at once", "[marathon][plan]") {
    Scene scene;
    for (int i = 0; i < 200; ++i) {
        const std::string id = "/app-" + std::to_string(i);
        scene.dirty(id);
        CHECK(scene.take() == Ids{id});
        scene.finish(id);
        scene.time += milliseconds{100};
    }
}

TEST_CASE("fetch_plan: events go on during a full fetch", "[marathon][plan]") {
    Scene scene;
    scene.all();
    CHECK(scene.take() == Ids{"*"});
    scene.dirty("/a");
    CHECK(scene.take() == Ids{"/a"});
    CHECK(scene.started[1].number > scene.started[0].number);
    scene.all();
    CHECK(scene.take().empty());
    scene.finish("*");
    CHECK(scene.take() == Ids{"*"});
}

TEST_CASE("fetch_plan: group changes do not cost a full fetch each", "[marathon][plan]") {
    Scene scene;
    scene.allSoon();
    scene.dirty("/named-by-another-event");
    CHECK(scene.take() == Ids{"/named-by-another-event"});
    CHECK(scene.due() == FetchPlan::kSoonDelay);
    scene.all(); // whoever is in a hurry need not wait
    CHECK(scene.take() == Ids{"*"});
    scene.finish("*");
    scene.time = milliseconds{1'000};
    scene.allSoon();
    CHECK(scene.take().empty());
    CHECK(scene.due() == FetchPlan::kSoonSpacing);
    scene.time = milliseconds{2'000};
    scene.allSoon();
    CHECK(scene.due() == FetchPlan::kSoonSpacing);
    scene.time = FetchPlan::kSoonSpacing;
    CHECK(scene.take() == Ids{"*"});
    scene.finish("*");
    CHECK_FALSE(scene.due());
}

TEST_CASE("fetch_plan: failures are tried again, later and later", "[marathon][plan]") {
    Scene scene;
    scene.all();
    milliseconds last{0};
    for (unsigned i = 0; i < 12; ++i) {
        REQUIRE(scene.take() == Ids{"*"});
        scene.finish("*", false);
        CHECK(scene.plan.fullFailures() == i + 1);
        scene.all(); // other causes do not shorten the wait
        const milliseconds wait = scene.due().value() - scene.time;
        CHECK(wait >= std::min(FetchPlan::kFirstRetry * (1U << i), FetchPlan::kLastRetry) / 2);
        CHECK(wait <= FetchPlan::kLastRetry);
        last = wait;
        scene.time += wait;
    }
    CHECK(last >= FetchPlan::kLastRetry / 2);
    CHECK(scene.take() == Ids{"*"});
    scene.finish("*");
    CHECK(scene.plan.fullFailures() == 0);
    CHECK_FALSE(scene.due());
}

TEST_CASE("fetch_plan: an app that cannot be fetched is left to a full fetch", "[marathon][plan]") {
    Scene scene;
    scene.all();
    CHECK(scene.take() == Ids{"*"});
    scene.finish("*");
    scene.dirty("/a");
    for (unsigned i = 0; i < FetchPlan::kMaxFailures; ++i) {
        REQUIRE(scene.take() == Ids{"/a"});
        scene.finish("/a", false);
        scene.time = scene.due().value();
    }
    scene.time = scene.due().value();
    CHECK(scene.take() == Ids{"*"});
    scene.finish("*");
    CHECK_FALSE(scene.due());
}

TEST_CASE("fetch_plan: an id that Marathon takes for a sub-resource", "[marathon][plan]") {
    Scene scene;
    scene.dirty("/a/tasks");
    CHECK(scene.take() == Ids{"*"});
    scene.finish("*");
    scene.dirty("/a/my-tasks");
    CHECK(scene.take() == Ids{"/a/my-tasks"});
}

TEST_CASE("fetch_plan: an answer counts once", "[marathon][plan]") {
    Scene scene;
    scene.dirty("/a");
    CHECK(scene.take() == Ids{"/a"});
    CHECK(scene.plan.finish(1, Result::Good, scene.now()));
    CHECK_FALSE(scene.plan.finish(1, Result::Good, scene.now()));
}

TEST_CASE("fetch_plan: refused credentials are not tried again soon", "[marathon][plan]") {
    Scene scene;
    scene.all();
    scene.dirty("/a");
    CHECK(scene.take() == Ids{"*", "/a"});
    scene.finish("*", Result::Refused);
    scene.finish("/a", Result::Refused);
    CHECK(scene.due().value() >= FetchPlan::kFirstRefusedRetry / 2);
    CHECK(scene.take().empty());
    scene.plan.retryNow(scene.now()); // with new ones
    CHECK(scene.take() == Ids{"*", "/a"});
}

} // namespace mmsd::marathon
