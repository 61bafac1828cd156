// SPDX-License-Identifier: MIT
// Tests of Zone and ZoneUpdate.
#include "tests/support/catch.h"
#include "tests/unit/dns/asking.h"
#include "tests/unit/dns/state_builder.h"

using namespace mmsd;
using namespace mmsd::dns;
using namespace mmsd::dns::test;

namespace {

using Texts = std::vector<std::string>;

std::uint32_t serial(const Server& server) {
    return server.zone.counts().serial;
}

AppPointer web(const std::string& address = "10.0.0.1", const std::string& id = "/web") {
    return shared(app(id, {port("http")}, {instance("t-" + address, address, {31000})}));
}

} // namespace

TEST_CASE("zone: is not ready before its first update", "[dns][zone]") {
    Server server{options()};
    CHECK_FALSE(server.zone.isReady());
    CHECK(server.ask("web.mmsd.", kTypeA).rcode == static_cast<unsigned>(Rcode::ServFail));
    CHECK(update(server.zone, {}));
    CHECK(server.zone.isReady());
    CHECK(server.ask("mmsd.", kTypeSoa).answer.size() == 1);
}

TEST_CASE("zone: the serial moves only when data does, and never back", "[dns][zone]") {
    Server server{options()};
    update(server.zone, {web()}, 1'000);
    CHECK(serial(server) == 1'000);
    CHECK_FALSE(update(server.zone, {web()}, 2'000)); // another object, equal content
    CHECK(serial(server) == 1'000);
    CHECK_FALSE(update(server.zone, {web()}, 2'000, true));
    CHECK(serial(server) == 1'000);

    protocol::App changed = *web();
    changed.version = "2018-01-01T00:00:00Z"; // nothing that the zone shows
    changed.instances[0].health = protocol::Health::Healthy;
    CHECK_FALSE(update(server.zone, {shared(changed)}, 2'000));
    CHECK(serial(server) == 1'000);

    CHECK(update(server.zone, {web("10.0.0.2")}, 2'000));
    CHECK(serial(server) == 2'000);
    CHECK(update(server.zone, {web("10.0.0.3")}, 2'000));
    CHECK(serial(server) == 2'001);
    CHECK(update(server.zone, {}, 500));
    CHECK(serial(server) == 2'002);
}

TEST_CASE("zone: changes of one app leave the others' answers alone", "[dns][zone]") {
    Server server{options()};
    const AppPointer a = web("10.0.0.1", "/a");
    const AppPointer c = web("10.0.0.3", "/c");
    update(server.zone, {a, web("10.0.0.2", "/b"), c});
    const PreparedBlock* before = server.zone.find("\1a")->winner.prepared;
    update(server.zone, {a, web("10.0.0.9", "/b"), c});
    CHECK(server.zone.find("\1a")->winner.prepared == before);
    CHECK(server.answers("b.mmsd.", kTypeA) == Texts{"b.mmsd. A 10.0.0.9"});
    CHECK(server.ask("2.0.0.10.in-addr.arpa.", kTypePtr).rcode ==
          static_cast<unsigned>(Rcode::Refused));
    update(server.zone, {a, c});
    CHECK(server.zone.find("\1b") == nullptr);
    update(server.zone, {});
    CHECK(server.zone.counts().names == 2); // base name and name server
    CHECK(server.zone.counts().reverseNames == 0);
}

TEST_CASE("zone: two ids of one name: a stable winner, the loser told", "[dns][zone]") {
    Server server{options()};
    const AppPointer dotted = web("10.0.0.1", "/a/c.b"); // c.b.a
    const AppPointer nested = web("10.0.0.2", "/a/b/c");
    update(server.zone, {dotted, nested});
    // Equal versions: the smaller id has it.
    CHECK(server.answers("c.b.a.mmsd.", kTypeA) == Texts{"c.b.a.mmsd. A 10.0.0.2"});
    const auto refusals = server.zone.refusals();
    REQUIRE(refusals.size() == 3); // the name, its port by index and by name
    for (const protocol::Refusal& refusal : refusals) {
        CHECK(refusal.appId == "/a/c.b");
        CHECK(refusal.reason.find("belongs to /a/b/c") != std::string::npos);
    }
    update(server.zone, {dotted});
    CHECK(server.answers("c.b.a.mmsd.", kTypeA) == Texts{"c.b.a.mmsd. A 10.0.0.1"});
    CHECK(server.zone.refusals().empty());
    update(server.zone, {dotted, nested});
    CHECK(server.answers("c.b.a.mmsd.", kTypeA) == Texts{"c.b.a.mmsd. A 10.0.0.1"});
    // The loser's instances are reached all the same.
    CHECK(server.ask("2.0.0.10.in-addr.arpa.", kTypePtr).answer.size() == 1);
}

TEST_CASE("zone: an app named like an instance does not take its name", "[dns][zone]") {
    Server server{options()};
    const WireName label = instanceLabel(instanceHash("t-10.0.0.1"));
    const AppPointer thief = web("10.66.66.66", "/web/" + label.substr(1));
    for (int round = 0; round < 2; ++round) {
        // First the thief alone, then both at once.
        update(server.zone, round == 0 ? std::vector{thief} : std::vector<AppPointer>{});
        update(server.zone, {thief, web()});
        const std::string name = label.substr(1) + ".web.mmsd.";
        CHECK(server.answers(name, kTypeA) == Texts{name + " A 10.0.0.1"});
        CHECK_FALSE(server.zone.refusals().empty());
    }
}

TEST_CASE("zone: ids that are no names are refused alone", "[dns][zone]") {
    Server server{options()};
    update(server.zone, {web(), web("10.0.0.2", "/" + std::string(64, 'x')),
                         web("10.0.0.3", "/b\xc3\xa4r"), web("10.0.0.4", "/Upper_Case")});
    CHECK(server.answers("web.mmsd.", kTypeA).size() == 1);
    CHECK(server.answers("upper_case.mmsd.", kTypeA).size() == 1);
    CHECK(server.zone.refusals().size() == 2);
    update(server.zone, {web()});
    CHECK(server.zone.refusals().empty());
}

TEST_CASE("zone: the name server gives way to an app of its name", "[dns][zone]") {
    Server server{options()};
    update(server.zone, {web()});
    CHECK(server.answers("mmsd.", kTypeNs) == Texts{"mmsd. NS ns.mmsd."});
    CHECK(server.answers("ns.mmsd.", kTypeA) == Texts{"ns.mmsd. A 192.0.2.53"});
    update(server.zone, {web("10.0.0.2", "/ns"), web("10.0.0.3", "/ns1")});
    CHECK(server.answers("ns.mmsd.", kTypeA) == Texts{"ns.mmsd. A 10.0.0.2"});
    CHECK(server.answers("mmsd.", kTypeNs) == Texts{"mmsd. NS ns2.mmsd."});
    CHECK(server.answers("ns2.mmsd.", kTypeA) == Texts{"ns2.mmsd. A 192.0.2.53"});
    CHECK(server.ask("mmsd.", kTypeNs).additional == Texts{"ns2.mmsd. A 192.0.2.53"});
    CHECK(server.zone.refusals().empty());
    update(server.zone, {web("10.0.0.9", "/ns/below")});
    CHECK(server.answers("mmsd.", kTypeNs) == Texts{"mmsd. NS ns.mmsd."});
}

TEST_CASE("zone: answers that no message can hold are cut, and told", "[dns][zone]") {
    Server server{options()};
    protocol::App huge = app("/huge", {port("http")});
    for (unsigned i = 0; i < 5'000; ++i)
        huge.instances.push_back(
            instance("t" + std::to_string(i),
                     "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250), {31000}));
    update(server.zone, {shared(huge)});
    const auto srv = server.ask("huge.mmsd.", kTypeSrv, {.transport = Transport::Tcp});
    CHECK(srv.size <= kMaxMessageSize);
    CHECK(srv.size > 60'000);
    CHECK_FALSE(srv.has(kFlagTruncated));
    CHECK(server.ask("huge.mmsd.", kTypeA, {.transport = Transport::Tcp}).answer.size() > 4'000);
    CHECK(server.zone.refusals().size() == 3); // one for each of its names
}

TEST_CASE("zone: names and addresses agree in both directions, also where nothing serves",
          "[dns][zone]") {
    Server server{options()};
    protocol::App sick = app("/sick", {port()}, {instance("s1", "10.0.0.1", {31000})});
    sick.instances.push_back(instance("s2", "10.0.0.2", {31000}));
    protocol::App well = app("/well", {port()}, {instance("w1", "10.0.0.2", {31001})});
    const auto forward = [&](const std::string& target) { return server.answers(target, kTypeA); };
    const auto targetsOf = [&](const std::string& reverse) {
        std::vector<std::string> targets;
        for (const std::string& record : server.answers(reverse, kTypePtr))
            targets.push_back(record.substr(record.rfind(' ') + 1));
        return targets;
    };

    sick.instances[0].serving = protocol::Serving::Unhealthy;
    update(server.zone, {shared(sick), shared(well)});
    // One serves: only that one has a name.
    CHECK(server.ask("1.0.0.10.in-addr.arpa.", kTypePtr).rcode == 5);
    CHECK(targetsOf("2.0.0.10.in-addr.arpa.").size() == 2);
    CHECK(server.zone.counts().allUnhealthyApps == 0);

    sick.instances[1].serving = protocol::Serving::Unhealthy;
    update(server.zone, {shared(sick), shared(well)});
    CHECK(server.zone.counts().allUnhealthyApps == 1);
    CHECK(server.answers("sick.mmsd.", kTypeA).size() == 2);
    CHECK(server.answers("sick.mmsd.", kTypeSrv).size() == 2);
    for (const char* address : {"1", "2"}) {
        const auto targets = targetsOf(std::string{address} + ".0.0.10.in-addr.arpa.");
        CHECK(targets.size() == (address == std::string_view{"1"} ? 1 : 2));
        for (const std::string& target : targets)
            CHECK(forward(target) == std::vector{target + " A 10.0.0." + std::string{address}});
    }
}

TEST_CASE("zone: at most 16 pointers of one address", "[dns][zone]") {
    Server server{options()};
    std::vector<AppPointer> apps;
    for (int i = 0; i < 40; ++i)
        apps.push_back(shared(app("/app" + std::to_string(i), {port()},
                                  {instance("t" + std::to_string(i), "10.0.0.1", {31000})})));
    update(server.zone, apps);
    const auto all = server.ask("1.0.0.10.in-addr.arpa.", kTypePtr);
    CHECK(all.answer.size() == 16);
    CHECK_FALSE(all.has(kFlagTruncated));
    apps.resize(3);
    update(server.zone, apps);
    CHECK(server.answers("1.0.0.10.in-addr.arpa.", kTypePtr).size() == 3);
}
