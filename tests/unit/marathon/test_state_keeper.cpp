// SPDX-License-Identifier: MIT
// Tests of publishing: generations, what is held back, what an earlier run left.
#include "common/file_io.h"
#include "daemon/marathon/full_answer.h"
#include "daemon/marathon/state_file.h"
#include "daemon/marathon/state_keeper.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/marathon/support.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::appJson;

struct Scene {
    test::FakeTimerFactory timers;
    test::FakeHosts hosts;
    test::RecordingOutlet outlet;
    SnapshotPublisher publisher;
    StateKeeper keeper;
    RequestNumber number = 0;
    int confirmations = 0;

    explicit Scene(std::uint64_t lastGeneration = 0, StateFile* file = nullptr)
        : publisher{outlet, file, lastGeneration}, keeper{timers, hosts, publisher} {
        keeper.setConfirmationRequest([this] { ++confirmations; });
    }
    void full(const std::vector<std::string>& apps) {
        FullAnswer answer{keeper.store(), ++number};
        for (const std::string& json : apps)
            answer.add(json);
        CHECK(keeper.takeFull(std::move(answer), timers.now(), Cause{"full", number})
                  .conflicts.empty());
        timers.advance(milliseconds{0});
    }
    [[nodiscard]] std::size_t sent() const { return outlet.snapshots.size(); }
    [[nodiscard]] const protocol::Snapshot& last() const { return *outlet.snapshots.back(); }
};

std::vector<std::string> cluster(int apps) {
    std::vector<std::string> jsons;
    for (int i = 0; i < apps; ++i)
        jsons.push_back(appJson("/app-" + std::to_string(i), 1));
    return jsons;
}

} // namespace

TEST_CASE("state_keeper: publishes only what differs, with rising generations",
          "[marathon][keeper]") {
    Scene scene{7};
    scene.full({appJson("/b", 1), appJson("/a", 2)});
    REQUIRE(scene.sent() == 1);
    CHECK(scene.last().generation == 8);
    CHECK(scene.last().apps.at(0)->id == "/a");
    CHECK(scene.last().begin.cause == "full");
    CHECK(scene.last().begin.observedAtUs == 1);
    scene.full({appJson("/a", 2), appJson("/b", 1)});
    CHECK(scene.sent() == 1);
    scene.full({appJson("/a", 3), appJson("/b", 1)});
    REQUIRE(scene.sent() == 2);
    CHECK(scene.last().generation == 9);
    CHECK(scene.publisher.published().instances == 4);
    CHECK(scene.publisher.published().serving == 4);
}

TEST_CASE("state_keeper: an empty cluster is a state, too", "[marathon][keeper]") {
    Scene scene;
    scene.full({});
    REQUIRE(scene.sent() == 1); // whoever waits for a first state must get one
    CHECK(scene.last().apps.empty());
    CHECK(scene.keeper.confirmedAt());
    scene.full({});
    CHECK(scene.sent() == 1);
    scene.full({appJson("/a", 1)});
    scene.full({});
    REQUIRE(scene.sent() == 3);
    CHECK(scene.last().apps.empty());
}

TEST_CASE("state_keeper: nothing is published before everything is known once",
          "[marathon][keeper]") {
    Scene scene;
    scene.keeper.takeApp(1, parseApp(appJson("/a", 1)), Cause{"event", 5});
    scene.timers.advance(seconds{1});
    CHECK(scene.sent() == 0);
    scene.number = 1;
    scene.full({appJson("/a", 1), appJson("/b", 1)});
    REQUIRE(scene.sent() == 1);
    CHECK(scene.last().apps.size() == 2);
}

TEST_CASE("state_keeper: answers of one round go out together", "[marathon][keeper]") {
    Scene scene;
    scene.full({});
    scene.keeper.takeApp(2, parseApp(appJson("/a", 1)), Cause{"first", 5});
    scene.keeper.takeApp(3, parseApp(appJson("/b", 1)), Cause{"second", 6});
    CHECK(scene.sent() == 1);
    scene.timers.advance(milliseconds{0});
    REQUIRE(scene.sent() == 2);
    CHECK(scene.last().apps.size() == 2);
    CHECK(scene.last().begin.cause == "first");
    CHECK(scene.last().begin.observedAtUs == 5);
}

TEST_CASE("state_keeper: a slow supervisor gets the newest state only", "[marathon][keeper]") {
    Scene scene;
    scene.outlet.isFull = true;
    scene.full({appJson("/a", 1)});
    scene.full({appJson("/a", 2)});
    scene.timers.advance(seconds{1});
    CHECK(scene.sent() == 0);
    scene.outlet.isFull = false;
    scene.timers.advance(milliseconds{10});
    REQUIRE(scene.sent() == 1);
    CHECK(scene.last().apps.at(0)->instances.size() == 2);
}

TEST_CASE("state_keeper: a loss of most instances waits for a second fetch",
          "[marathon][keeper][guard]") {
    Scene scene;
    scene.full(cluster(20));
    REQUIRE(scene.sent() == 1);
    scene.full(cluster(8));
    CHECK(scene.sent() == 1);
    CHECK(scene.keeper.isHolding());

    SECTION("that confirms it") {
        scene.timers.advance(seconds{4});
        scene.full(cluster(8)); // too early to count
        CHECK(scene.sent() == 1);
        CHECK(scene.confirmations == 0);
        scene.timers.advance(seconds{1});
        CHECK(scene.confirmations == 1);
        scene.full(cluster(8));
        REQUIRE(scene.sent() == 2);
        CHECK(scene.last().apps.size() == 8);
        CHECK_FALSE(scene.keeper.isHolding());
    }
    SECTION("that does not") {
        scene.timers.advance(seconds{5});
        scene.full(cluster(20));
        CHECK(scene.sent() == 1);
        CHECK_FALSE(scene.keeper.isHolding());
    }
    SECTION("and everything else waits with it") {
        scene.keeper.takeApp(++scene.number, parseApp(appJson("/new", 1)), Cause{"event", 1});
        scene.timers.advance(milliseconds{100});
        CHECK(scene.sent() == 1);
        auto apps = cluster(20);
        apps.push_back(appJson("/new", 1));
        scene.full(apps);
        REQUIRE(scene.sent() == 2);
        CHECK(scene.last().apps.size() == 21);
    }
    SECTION("however long that takes") {
        scene.timers.advance(seconds{100});
        CHECK(scene.sent() == 1);
        CHECK(scene.confirmations >= 1);
    }
}

TEST_CASE("state_keeper: small losses and small clusters are not held",
          "[marathon][keeper][guard]") {
    Scene scene;
    scene.full(cluster(20));
    scene.full(cluster(10)); // exactly half
    CHECK(scene.sent() == 2);
    scene.full(cluster(1)); // of ten
    CHECK(scene.sent() == 3);
}

TEST_CASE("state_keeper: instances that are replaced are not lost", "[marathon][keeper][guard]") {
    Scene scene;
    scene.full(cluster(30));
    std::vector<std::string> others;
    for (int i = 0; i < 30; ++i)
        others.push_back(appJson("/other-" + std::to_string(i), 1));
    scene.full(others);
    CHECK(scene.sent() == 2);
}

TEST_CASE("state_keeper: mass unhealth is a loss as well", "[marathon][keeper][guard]") {
    const auto app = [](const char* alive) {
        std::string json = R"({"id":"/a","ports":[1],"healthChecks":[{}],"tasks":[)";
        for (int i = 0; i < 20; ++i)
            json += (i == 0 ? R"({"id":"t)" : R"(,{"id":"t)") + std::to_string(i) +
                    R"(","host":"10.0.0.1","state":"TASK_RUNNING","ports":[1],)" +
                    R"("healthCheckResults":[{"alive":)" + alive + "}]}";
        return json + "]}";
    };
    Scene scene;
    scene.full({app("true")});
    scene.full({app("false")});
    CHECK(scene.sent() == 1);
    CHECK(scene.keeper.isHolding());
    scene.full({app("true")});
    CHECK(scene.sent() == 1);
    CHECK_FALSE(scene.keeper.isHolding());
    scene.full({app("null")}); // blank health after a change of leader: they go on serving
    REQUIRE(scene.sent() == 2);
    CHECK(scene.publisher.published().serving == 20);
}

TEST_CASE("state_keeper: time alone changes what is served", "[marathon][keeper]") {
    Scene scene;
    scene.full({R"({"id":"/a","ports":[1],"healthChecks":[{"gracePeriodSeconds":30}],
        "tasks":[{"id":"t","host":"10.0.0.1","state":"TASK_RUNNING","ports":[1]}]})"});
    REQUIRE(scene.sent() == 1);
    CHECK(scene.publisher.published().serving == 0);
    scene.timers.advance(seconds{29});
    CHECK(scene.sent() == 1);
    scene.timers.advance(seconds{1});
    CHECK(scene.sent() == 2);
    CHECK(scene.publisher.published().serving == 1);
}

TEST_CASE("state_keeper: addresses arrive later", "[marathon][keeper]") {
    const std::string json = R"({"id":"/a","ports":[1],"tasks":[
        {"id":"t","host":"agent","state":"TASK_RUNNING","ports":[1]}]})";
    Scene scene;
    scene.hosts.isBusy = true;
    scene.full({json});
    CHECK(scene.sent() == 0); // the first state of a run waits for its names

    SECTION("and the state goes out with them") {
        scene.hosts.known["agent"] = {test::ip("10.0.0.9")};
        scene.hosts.isBusy = false;
        scene.keeper.onHostAnswered("agent", true);
        scene.timers.advance(milliseconds{0});
        REQUIRE(scene.sent() == 1);
        CHECK(scene.publisher.published().serving == 1);
        // From now on nothing waits.
        scene.hosts.isBusy = true;
        scene.full({json, R"({"id":"/b","tasks":[{"id":"u","host":"x","state":"TASK_RUNNING"}]})"});
        CHECK(scene.sent() == 2);
        scene.keeper.onHostAnswered("unrelated", true);
        scene.timers.advance(milliseconds{0});
        CHECK(scene.sent() == 2);
    }
    SECTION("or without, after a while") {
        scene.timers.advance(seconds{3});
        REQUIRE(scene.sent() == 1);
        CHECK(scene.last().apps.at(0)->instances.at(0).serving == protocol::Serving::Unresolved);
    }
}

TEST_CASE("state_keeper: an app that no frame can carry keeps its last good form",
          "[marathon][keeper]") {
    protocol::App good;
    good.id = "/a";
    protocol::App bad = good;
    bad.labels["k"] = std::string(10'000, 'x');
    Scene scene;
    scene.publisher.prepare({"/a", good});
    scene.publisher.publish(Cause{});
    scene.publisher.prepare({"/a", bad});
    CHECK_FALSE(scene.publisher.hasChanges());
    CHECK(scene.publisher.refusals().at("/a").size() == 1);
    scene.publisher.prepare({"/a", good});
    CHECK(scene.publisher.refusals().empty());
}

TEST_CASE("state_file: a write that failed is tried again", "[marathon][state_file]") {
    const test::TempDir folder;
    test::FakeTimerFactory timers;
    StateFile file{timers, UniqueFd{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY)}};
    Scene scene{0, &file};
    const std::string obstacle = folder / ".snapshot.bin.tmp";
    REQUIRE(::mkdir(obstacle.c_str(), 0700) == 0);
    scene.full({appJson("/a", 1)});
    timers.advance(seconds{1});
    CHECK_FALSE(file.load());
    REQUIRE(::rmdir(obstacle.c_str()) == 0);
    timers.advance(seconds{10});
    REQUIRE(file.load());
    CHECK(file.load()->generation == 1);
    CHECK(timers.activeCount() == 0);
}

TEST_CASE("state_file: keeps the last snapshot, at most once a second", "[marathon][state_file]") {
    const test::TempDir folder;
    const auto open = [&] {
        return UniqueFd{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    };
    {
        test::FakeTimerFactory timers;
        StateFile file{timers, open()};
        CHECK_FALSE(file.load());
        Scene scene{0, &file};
        scene.full({appJson("/a", 1)});
        scene.full({appJson("/a", 2)});
        CHECK_FALSE(file.load());
        timers.advance(seconds{1});
        CHECK(file.load()->generation == 2);
        scene.full({appJson("/a", 3)});
        file.flush();
        CHECK(file.load()->generation == 3);
        CHECK(timers.activeCount() == 0);
    }

    test::FakeTimerFactory timers;
    StateFile file{timers, open()};
    const auto kept = file.load();
    REQUIRE(kept);

    SECTION("a fresh supervisor gets it as it is") {
        Scene scene{0, &file};
        scene.keeper.restore(*kept);
        scene.publisher.restore(*kept);
        REQUIRE(scene.sent() == 1);
        CHECK(scene.last().generation == 3);
        CHECK(std::ranges::equal(scene.last().apps, kept->apps,
                                 [](const auto& a, const auto& b) { return *a == *b; }));
        CHECK_FALSE(scene.keeper.confirmedAt());
        scene.full({appJson("/a", 3)});
        CHECK(scene.sent() == 1); // Marathon says the same
        scene.full({appJson("/a", 1)});
        REQUIRE(scene.sent() == 2);
        CHECK(scene.last().generation == 4);
    }
    SECTION("a supervisor that has it is left alone") {
        Scene scene{3, &file};
        scene.keeper.restore(*kept);
        scene.publisher.restore(*kept);
        CHECK(scene.sent() == 0);
        scene.full({appJson("/a", 3)});
        CHECK(scene.sent() == 0);
        scene.full({});
        CHECK(scene.last().generation == 4);
    }
    SECTION("a supervisor that has a newer one gets the next in any case") {
        Scene scene{9, &file};
        scene.keeper.restore(*kept);
        scene.publisher.restore(*kept);
        CHECK(scene.sent() == 0);
        scene.full({appJson("/a", 3)});
        REQUIRE(scene.sent() == 1);
        CHECK(scene.last().generation == 10);
    }
    SECTION("nothing goes on top of what is older than what the supervisor has") {
        Scene scene{9, &file};
        scene.keeper.restore(*kept);
        scene.publisher.restore(*kept);
        scene.keeper.takeApp(++scene.number, parseApp(appJson("/other", 1)), Cause{"event", 1});
        scene.timers.advance(milliseconds{0});
        CHECK(scene.sent() == 0); // /a would fall back to three instances
        scene.full({appJson("/a", 5), appJson("/other", 1)});
        REQUIRE(scene.sent() == 1);
        CHECK(scene.last().apps.at(0)->instances.size() == 5);
    }
    SECTION("a number that the supervisor would not take is not used") {
        protocol::Snapshot far = *kept;
        far.generation = std::uint64_t{1} << 40;
        Scene scene{0, &file};
        scene.publisher.restore(far);
        REQUIRE(scene.sent() == 1);
        CHECK(scene.last().generation == 1);
    }
    SECTION("a damaged file is no state") {
        replaceFileAt(folder.fd(), "snapshot.bin", std::string_view{"damaged"}, 0600);
        CHECK_FALSE(file.load());
    }
}

TEST_CASE("state_keeper: a thin first answer does not empty the last run's state",
          "[marathon][keeper][guard]") {
    Scene before;
    before.full(cluster(25));
    Scene scene{before.last().generation};
    scene.keeper.restore(before.last());
    scene.publisher.restore(before.last());
    scene.full({});
    CHECK(scene.sent() == 0);
    CHECK(scene.keeper.isHolding());
}

} // namespace mmsd::marathon
