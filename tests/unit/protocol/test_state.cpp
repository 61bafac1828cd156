// SPDX-License-Identifier: MIT
// Tests of the look-ups in the state.
#include "protocol/state.h"
#include "tests/support/catch.h"
#include "tests/unit/protocol/samples.h"

namespace mmsd::protocol {

TEST_CASE("state: a port label wins over the app label", "[protocol][state]") {
    App app;
    app.labels = {{"proto", "tcp"}, {"lb-group", "a"}};
    Port port;
    port.labels = {{"proto", "http"}};
    REQUIRE(label(app, port, "proto") != nullptr);
    CHECK(*label(app, port, "proto") == "http");
    CHECK(*label(app, port, "lb-group") == "a");
    CHECK(label(app, port, "lb-vhost") == nullptr);
}

TEST_CASE("state: endpoint of a port on the host", "[protocol][state]") {
    const App app = samples::app();
    const auto found = endpoint(app.instances[0], 0);
    REQUIRE(found);
    CHECK(found->host == "host1");
    CHECK(found->port == 31'000);
    CHECK(found->addresses == &app.instances[0].hostAddresses);
}

TEST_CASE("state: endpoint of a port on the container", "[protocol][state]") {
    const App app = samples::app();
    const auto found = endpoint(app.instances[1], 1);
    REQUIRE(found);
    CHECK(found->host == "172.17.0.2");
    CHECK(found->port == 53);
    CHECK(found->addresses == &app.instances[1].containerAddresses);
}

TEST_CASE("state: no endpoint where nothing is known", "[protocol][state]") {
    App app = samples::app();
    CHECK_FALSE(endpoint(app.instances[0], 1));
    CHECK_FALSE(endpoint(app.instances[0], 2));
    app.instances[1].containerAddresses.clear();
    CHECK_FALSE(endpoint(app.instances[1], 0));
}

TEST_CASE("state: an unresolved host still has an endpoint, without addresses",
          "[protocol][state]") {
    App app = samples::app();
    app.instances[0].hostAddresses.clear();
    const auto found = endpoint(app.instances[0], 0);
    REQUIRE(found);
    CHECK(found->host == "host1");
    CHECK(found->addresses->empty());
}

TEST_CASE("state: findApp finds by id", "[protocol][state]") {
    Snapshot snapshot;
    for (const char* id : {"/a", "/a/b", "/c"})
        snapshot.apps.push_back(std::make_shared<const App>(samples::plainApp(id)));
    for (const auto& app : snapshot.apps)
        CHECK(findApp(snapshot, app->id) == app.get());
    for (const char* id : {"", "/", "/a/", "/b", "/d"})
        CHECK(findApp(snapshot, id) == nullptr);
}

TEST_CASE("state: differences are by object and id", "[protocol][state]") {
    const auto make = [](const char* id) {
        App app;
        app.id = id;
        return std::make_shared<const App>(std::move(app));
    };
    const auto a = make("/a");
    const auto b = make("/b");
    const auto c = make("/c");
    const auto otherC = make("/c");
    const auto d = make("/d");
    Snapshot before;
    before.apps = {a, b, c};
    Snapshot after;
    after.apps = {b, otherC, d};

    const auto found = differences(&before, after);
    REQUIRE(found.size() == 3);
    CHECK((found[0].before == a && found[0].after == nullptr));
    CHECK((found[1].before == c && found[1].after == otherC));
    CHECK((found[2].before == nullptr && found[2].after == d));
    CHECK(differences(&before, before).empty());
    CHECK(differences(nullptr, after).size() == 3);
    CHECK(differences(&before, Snapshot{}).size() == 3);
}

TEST_CASE("state: which instances are served", "[protocol][state]") {
    Instance instance;
    for (int number = 0; number <= static_cast<int>(Serving::Unresolved); ++number) {
        instance.serving = static_cast<Serving>(number);
        CHECK(isServing(instance) == (number <= 2));
        CHECK_FALSE(toString(instance.serving).empty());
    }
}

TEST_CASE("state: names of enums", "[protocol][state]") {
    CHECK(toString(CheckProtocol::Command) == "command");
    CHECK(toString(TaskState::Unreachable) == "TASK_UNREACHABLE");
    CHECK(toString(Health::Unhealthy) == "unhealthy");
    CHECK(toString(Serving::Yes) == "yes");
    CHECK(toString(Serving::Unresolved) == "unresolved");
}

} // namespace mmsd::protocol
