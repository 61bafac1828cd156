// SPDX-License-Identifier: MIT
// Tests of app_records.
#include "tests/support/catch.h"
#include "tests/unit/dns/state_builder.h"
#include "workers/dns-server/app_records.h"

using namespace mmsd;
using namespace mmsd::dns;
using namespace mmsd::dns::test;
using protocol::Serving;
using protocol::TaskState;

namespace {

AppRecords make(const protocol::App& app) {
    return makeAppRecords(app, 5);
}

std::vector<std::string> names(const AppRecords& records) {
    std::vector<std::string> texts;
    for (const NameRecords& name : records.names)
        texts.push_back(toText(name.name));
    return texts;
}

bool hasName(const AppRecords& records, const std::string& name) {
    const auto all = names(records);
    return std::find(all.begin(), all.end(), name) != all.end();
}

} // namespace

TEST_CASE("app records: name, ports by index and name, instances", "[dns][records]") {
    const AppRecords records = make(app(
        "/db/redis", {port("client"), port("", true, true)},
        {instance("t1", "10.0.0.1", {31001, 31002}), instance("t2", "10.0.0.2", {31001, 31002})}));
    REQUIRE(records.names.size() == 7);
    CHECK(hasName(records, "redis.db"));
    CHECK(hasName(records, "_0._tcp.redis.db"));
    CHECK(hasName(records, "_1._tcp.redis.db"));
    CHECK(hasName(records, "_1._udp.redis.db"));
    CHECK(hasName(records, "_client._tcp.redis.db"));
    CHECK_FALSE(hasName(records, "_0._udp.redis.db"));
    CHECK(records.names[0].addresses == std::vector{ip("10.0.0.1"), ip("10.0.0.2")});
    CHECK(records.names[0].services.size() == 4);
    CHECK(records.targets.size() == 2);
    CHECK(records.refusals.empty());
}

TEST_CASE("app records: serves by the one rule", "[dns][records]") {
    protocol::App web = app("/web", {port()});
    const auto add = [&](const char* address, TaskState state, Serving serving) {
        web.instances.push_back(instance(std::string{"t"} + address, address, {80}));
        web.instances.back().state = state;
        web.instances.back().serving = serving;
    };
    add("10.0.0.1", TaskState::Running, Serving::Unhealthy);
    add("10.0.0.2", TaskState::Running, Serving::AwaitingVerdict);
    add("10.0.0.3", TaskState::Killing, Serving::Draining);
    add("10.0.0.4", TaskState::Staging, Serving::NotRunning);
    add("10.0.0.5", TaskState::Unreachable, Serving::Unreachable);

    SECTION("nothing serves: everything that runs is answered, and told") {
        const AppRecords records = make(web);
        CHECK(records.isAllUnhealthy);
        CHECK(records.names[0].addresses == std::vector{ip("10.0.0.1"), ip("10.0.0.2")});
    }
    SECTION("new instances alone wait for their verdict") {
        web.instances[0].serving = Serving::AwaitingVerdict;
        const AppRecords records = make(web);
        CHECK_FALSE(records.isAllUnhealthy);
        CHECK(records.names[0].addresses.empty());
    }
    SECTION("one serves: it alone is answered") {
        add("10.0.0.6", TaskState::Running, Serving::YesVerdictUnknown);
        const AppRecords records = make(web);
        CHECK_FALSE(records.isAllUnhealthy);
        CHECK(records.names[0].addresses == std::vector{ip("10.0.0.6")});
    }
}

TEST_CASE("app records: addresses follow the network that a port is on", "[dns][records]") {
    protocol::Instance mixed = instance("t1", "10.0.0.1", {31000, 8080});
    mixed.containerAddresses = {ip("172.30.0.9")};
    mixed.ports[1].isOnContainer = true;
    const AppRecords records = make(app("/mixed", {port(), port()}, {mixed}));
    REQUIRE(records.targets.size() == 2);
    CHECK(records.targets[0].addresses == std::vector{ip("10.0.0.1")});
    CHECK(records.targets[1].addresses == std::vector{ip("172.30.0.9")});
    CHECK(records.targets[0].name != records.targets[1].name);
    REQUIRE(records.names[0].services.size() == 2);
    CHECK(records.names[0].services[0].target == 0);
    CHECK(records.names[0].services[1].target == 1);

    mixed.ports[0].isOnContainer = true;
    const AppRecords inside = make(app("/inside", {port(), port()}, {mixed}));
    REQUIRE(inside.targets.size() == 1);
    CHECK(inside.targets[0].addresses == std::vector{ip("172.30.0.9")});
    CHECK(inside.names[0].addresses == std::vector{ip("172.30.0.9")});
}

TEST_CASE("app records: a port without a number costs its SRV records only", "[dns][records]") {
    const AppRecords records =
        make(app("/web", {port("a"), port("b")}, {instance("t1", "10.0.0.1", {0, 31000})}));
    CHECK(records.names[0].services.size() == 1);
    CHECK(records.names[0].addresses.size() == 1);
    CHECK(hasName(records, "_0._tcp.web"));
}

TEST_CASE("app records: equal ports of one instance are one record", "[dns][records]") {
    const AppRecords records = make(app("/web", {port("a", true, false), port("b", false, true)},
                                        {instance("t1", "10.0.0.1", {53, 53})}));
    CHECK(records.names[0].services.size() == 1);
}

TEST_CASE("app records: port names lose to indices and to earlier ports", "[dns][records]") {
    const AppRecords records = make(app("/web", {port("1"), port("HTTP"), port("http"), port("3"),
                                                 port("no label"), port(std::string(63, 'x'))}));
    CHECK(records.refusals.size() == 4);
    CHECK(records.refusals[0].portIndex == 0);
    CHECK(records.refusals[1].portIndex == 2);
    CHECK(hasName(records, "_http._tcp.web"));
    CHECK(hasName(records, "_5._tcp.web"));
    CHECK_FALSE(hasName(records, "_" + std::string(63, 'x') + "._tcp.web"));
}

TEST_CASE("app records: one character-string per label, none too long", "[dns][records]") {
    protocol::App web = app("/web");
    web.labels = {{"a", "1"},
                  {"empty", ""},
                  {"fits", std::string(250, 'x')},
                  {"long", std::string(251, 'x')}};
    const AppRecords records = make(web);
    CHECK(records.names[0].texts ==
          std::vector<std::string>{"a=1", "empty=", "fits=" + std::string(250, 'x')});
    CHECK(records.refusals.size() == 1);
}

TEST_CASE("app records: an id that is no name is refused whole", "[dns][records]") {
    const AppRecords records = make(app("/" + std::string(64, 'x'), {port()}));
    CHECK(records.names.empty());
    REQUIRE(records.refusals.size() == 1);
    CHECK(records.refusals[0].portIndex == protocol::kWholeApp);
}

TEST_CASE("app records: an app without instances still has its names", "[dns][records]") {
    const AppRecords records = make(app("/web", {port("http")}));
    CHECK(names(records) == std::vector<std::string>{"web", "_0._tcp.web", "_http._tcp.web"});
    CHECK(records.names[0].addresses.empty());
}
