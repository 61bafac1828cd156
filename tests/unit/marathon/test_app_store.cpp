// SPDX-License-Identifier: MIT
// Tests of what is known: order of answers, what is gone, what changed.
#include "daemon/marathon/app_store.h"
#include "daemon/marathon/full_answer.h"
#include "daemon/marathon/json.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

namespace mmsd::marathon {

namespace {

using Outcome = AppStore::Outcome;
using std::chrono::seconds;
using test::appJson;

struct Scene {
    test::FakeHosts hosts;
    AppStore store{hosts};
    seconds time{0};

    [[nodiscard]] FullAnswer answer(RequestNumber number,
                                    const std::vector<std::string>& apps) const {
        FullAnswer answer{store, number};
        for (const std::string& json : apps)
            answer.add(json);
        return answer;
    }
    std::vector<std::string> full(RequestNumber number, const std::vector<std::string>& apps) {
        return store.applyFull(answer(number, apps), test::moment(time).steady).conflicts;
    }
    Outcome app(RequestNumber number, const std::string& json) {
        return store.applyApp(number, parseApp(json));
    }
    Outcome gone(RequestNumber number, const std::string& id) {
        return store.applyGone(number, id, test::moment(time).steady);
    }
    /** "id:instances" or "id gone" of each change. */
    std::vector<std::string> changes() {
        std::vector<std::string> result;
        for (const AppStore::Change& change : store.evaluate(test::moment(time)))
            result.push_back(change.app
                                 ? change.id + ":" + std::to_string(change.app->instances.size())
                                 : change.id + " gone");
        return result;
    }
    protocol::Serving serving(const std::string& id) {
        store.touchAll();
        for (const AppStore::Change& change : store.evaluate(test::moment(time)))
            if (change.id == id)
                return change.app.value().instances.at(0).serving;
        FAIL("no such app");
        return {};
    }
};

using Changes = std::vector<std::string>;

} // namespace

TEST_CASE("app_store: a full answer is the whole truth", "[marathon][store]") {
    Scene scene;
    CHECK(scene.full(1, {appJson("/a", 1), appJson("/b", 2)}).empty());
    CHECK(scene.changes() == Changes{"/a:1", "/b:2"});
    CHECK(scene.full(2, {appJson("/b", 2), appJson("/c", 1)}).empty());
    CHECK(scene.changes() == Changes{"/a gone", "/c:1"});
    CHECK(scene.store.size() == 2);
    CHECK(scene.full(3, {}).empty());
    CHECK(scene.changes() == Changes{"/b gone", "/c gone"});
}

TEST_CASE("app_store: an app that says the same again is no change", "[marathon][store]") {
    Scene scene;
    CHECK(scene.full(1, {appJson("/a", 1)}).empty());
    scene.changes();
    CHECK(scene.full(2, {appJson("/a", 1)}).empty());
    CHECK(scene.changes().empty());
    // Other bytes with the same meaning, such as results with new times.
    CHECK(scene.full(3, {appJson("/a", 1, R"(,"versionInfo":{"x":1})")}).empty());
    CHECK(scene.changes().empty());
    CHECK(scene.app(4, appJson("/a", 1)) == Outcome::Unchanged);
    CHECK(scene.full(5, {appJson("/a", 2)}).empty());
    CHECK(scene.changes() == Changes{"/a:2"});
}

TEST_CASE("app_store: knows an app by the bytes of its last full answer", "[marathon][store]") {
    Scene scene;
    const std::string json = appJson("/a", 1);
    CHECK(scene.full(1, {json}).empty());
    CHECK(scene.full(2, {json}).empty());
    // The app changes between two full answers with the same bytes: they are news again.
    CHECK(scene.app(3, appJson("/a", 5)) == Outcome::Changed);
    scene.changes();
    CHECK(scene.full(4, {json}).empty());
    CHECK(scene.changes() == Changes{"/a:1"});
}

TEST_CASE("app_store: answers count in the order of their requests", "[marathon][store]") {
    Scene scene;
    CHECK(scene.full(1, {appJson("/a", 1), appJson("/b", 1)}).empty());
    CHECK(scene.app(3, appJson("/a", 3)) == Outcome::Changed);
    CHECK(scene.app(2, appJson("/a", 2)) == Outcome::Outdated);
    CHECK(scene.store.find("/a")->tasks.size() == 3);
    // A full fetch that was sent before the app's own fetch, and arrives after it.
    CHECK(scene.full(2, {appJson("/a", 1), appJson("/b", 1)}).empty());
    CHECK(scene.store.find("/a")->tasks.size() == 3);
    CHECK(scene.full(2, {appJson("/b", 1)}).empty());
    CHECK(scene.store.find("/a") != nullptr);
    CHECK(scene.gone(2, "/a") == Outcome::Outdated);
}

TEST_CASE("app_store: an app that is gone does not come back by an older answer",
          "[marathon][store]") {
    Scene scene;
    CHECK(scene.full(1, {appJson("/a", 1)}).empty());
    scene.changes();
    CHECK(scene.gone(5, "/a") == Outcome::Changed);
    CHECK(scene.changes() == Changes{"/a gone"});
    CHECK(scene.gone(5, "/a") == Outcome::Unchanged);
    CHECK(scene.full(4, {appJson("/a", 1)}).empty());
    CHECK(scene.app(3, appJson("/a", 1)) == Outcome::Outdated);
    CHECK(scene.changes().empty());
    CHECK(scene.full(6, {appJson("/a", 2)}).empty());
    CHECK(scene.changes() == Changes{"/a:2"});
}

TEST_CASE("app_store: an older answer between comparison and commit is fetched anew",
          "[marathon][store]") {
    Scene scene;
    CHECK(scene.full(1, {appJson("/a", 1), appJson("/b", 1)}).empty());
    // Number 3 is on its way and has compared /a and /b with what was known.
    FullAnswer late = scene.answer(3, {appJson("/a", 1), appJson("/b", 1)});
    CHECK(scene.app(2, appJson("/a", 2)) == Outcome::Changed);
    CHECK(scene.gone(2, "/b") == Outcome::Changed);
    CHECK(scene.store.applyFull(std::move(late), test::moment().steady).conflicts ==
          Changes{"/a", "/b"});
}

TEST_CASE("app_store: what is no app costs itself only", "[marathon][store]") {
    Scene scene;
    FullAnswer answer = scene.answer(
        1, {appJson("/a", 1), R"({"id":7})", R"({"id":"/x/../y"})", "null", appJson("/a", 3)});
    REQUIRE(answer.unusable().size() == 4);
    CHECK(answer.unusable()[1].first == "/x/../y");
    CHECK(answer.unusable()[3].second == "the id stands there twice");
    CHECK(scene.store.applyFull(std::move(answer), test::moment().steady).conflicts.empty());
    CHECK(scene.changes() == Changes{"/a:1"});
    CHECK_THROWS_AS(scene.answer(2, {"{"}), JsonError);
}

TEST_CASE("app_store: evaluates what has become due", "[marathon][store]") {
    Scene scene;
    const std::string waiting =
        R"({"id":"/a","ports":[1],"healthChecks":[{"gracePeriodSeconds":30}],
        "tasks":[{"id":"t","host":"10.0.0.1","state":"TASK_RUNNING","ports":[1]}]})";
    CHECK(scene.full(1, {waiting, appJson("/b", 1)}).empty());
    CHECK(scene.changes().size() == 2);
    CHECK(scene.store.nextEvaluation() == test::moment(seconds{30}).steady);
    scene.time = seconds{29};
    CHECK(scene.changes().empty());
    scene.time = seconds{30};
    CHECK(scene.changes() == Changes{"/a:1"});
    CHECK_FALSE(scene.store.nextEvaluation());
    CHECK(scene.full(2, {}).empty());
    CHECK(scene.changes().size() == 2);
}

TEST_CASE("app_store: a due evaluation goes with its app", "[marathon][store]") {
    Scene scene;
    const std::string waiting = R"({"id":"/a","ports":[1],"healthChecks":[{}],
        "tasks":[{"id":"t","host":"10.0.0.1","state":"TASK_RUNNING","ports":[1]}]})";
    CHECK(scene.full(1, {waiting}).empty());
    scene.changes();
    CHECK(scene.gone(2, "/a") == Outcome::Changed);
    CHECK_FALSE(scene.store.nextEvaluation());
    scene.time = seconds{10'000};
    CHECK(scene.changes() == Changes{"/a gone"});
}

TEST_CASE("app_store: a change of leader with blank health removes nothing", "[marathon][store]") {
    Scene scene;
    const auto with = [](const std::string& results) {
        return R"({"id":"/a","ports":[1],"healthChecks":[{"gracePeriodSeconds":300}],"tasks":[
            {"id":"t","host":"10.0.0.1","state":"TASK_RUNNING","ports":[1])" +
               results + "}]}";
    };
    CHECK(scene.full(1, {with(R"(,"healthCheckResults":[{"alive":true}])")}).empty());
    CHECK(scene.serving("/a") == protocol::Serving::Yes);
    CHECK(scene.full(2, {with("")}).empty());
    CHECK(scene.serving("/a") == protocol::Serving::YesVerdictUnknown);

    SECTION("not even when the app itself is missing for a while") {
        CHECK(scene.full(3, {}).empty());
        scene.changes();
        scene.time = seconds{60};
        CHECK(scene.full(4, {with("")}).empty());
        CHECK(scene.serving("/a") == protocol::Serving::YesVerdictUnknown);
    }
    SECTION("an app that is gone for good is forgotten") {
        CHECK(scene.full(3, {}).empty());
        scene.time = seconds{700};
        CHECK(scene.full(4, {}).empty());
        scene.changes();
        CHECK(scene.full(5, {with("")}).empty());
        CHECK(scene.serving("/a") == protocol::Serving::AwaitingVerdict);
    }
}

TEST_CASE("app_store: the state of an earlier run counts until an answer", "[marathon][store]") {
    Scene scene;
    protocol::Snapshot snapshot;
    for (const char* id : {"/a", "/b", "/c"}) {
        auto app = std::make_shared<protocol::App>();
        app->id = id;
        snapshot.apps.push_back(app);
    }
    scene.store.restore(snapshot);
    CHECK(scene.changes().empty());
    CHECK(scene.app(1, appJson("/a", 1)) == Outcome::Changed);
    CHECK(scene.gone(2, "/b") == Outcome::Changed);
    CHECK(scene.changes() == Changes{"/a:1", "/b gone"});
    CHECK(scene.full(3, {appJson("/a", 1)}).empty());
    CHECK(scene.changes() == Changes{"/c gone"});
}

TEST_CASE("app_store: knows where tasks are", "[marathon][store]") {
    Scene scene;
    CHECK(scene.full(1, {appJson("/a", 1), R"({"id":"/b","tasks":[{"id":"t","host":"agent"}]})"})
              .empty());
    scene.changes();
    CHECK(scene.store.hosts() == std::set<std::string>{"10.0.0.1", "agent"});
    CHECK(scene.store.touchHost("agent"));
    CHECK(scene.changes() == Changes{"/b:1"});
    CHECK_FALSE(scene.store.touchHost("other"));
}

} // namespace mmsd::marathon
