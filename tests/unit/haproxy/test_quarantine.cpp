// SPDX-License-Identifier: MIT
// Who is kept out, and what stays in its place.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"
#include "workers/haproxy-manager/quarantine.h"

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;

namespace {

protocol::App web(const std::string& balance, std::uint16_t instancePort,
                  std::uint16_t servicePort = 10'000) {
    auto made = app("/web", {servicePort});
    made.labels = {{"proto", "http"}, {"lb-balance", balance}, {"lb-vhost", "w.com"}};
    made.instances = {instance("10.0.0.1", {instancePort})};
    return made;
}

Config config(std::vector<protocol::App> apps) {
    return makeConfig(model(std::move(apps)), gatewayOptions());
}

} // namespace

TEST_CASE("quarantine: a bad form is left out until it changes", "[haproxy][quarantine]") {
    const Config wanted = config({web("random", 1), app("/other", {10'001})});
    Quarantine quarantine;
    quarantine.add(*wanted.find("web_0"), "refused");
    std::vector<protocol::Refusal> refusals;
    const Config composed = quarantine.compose(wanted, {}, refusals);
    REQUIRE(composed.fragments.size() == 1);
    CHECK(composed.maps.at("http.map").empty());
    REQUIRE(refusals.size() == 1);
    CHECK(refusals[0].appId == "/web");
    CHECK(refusals[0].reason == "refused");

    refusals.clear();
    const Config scaled = config({web("random", 2), app("/other", {10'001})});
    CHECK(quarantine.compose(scaled, {}, refusals).fragments.size() == 1); // only its servers
    const Config changed = config({web("source", 1), app("/other", {10'001})});
    CHECK(quarantine.compose(changed, {}, refusals) == changed);
    quarantine.keepOnly(changed);
    CHECK_FALSE(quarantine.holds(*wanted.find("web_0")));
}

TEST_CASE("quarantine: the last good form stays, with the wanted servers",
          "[haproxy][quarantine]") {
    const Config running = config({web("leastconn", 1)});
    const Config wanted = config({web("random", 2)});
    Quarantine quarantine;
    quarantine.add(*wanted.find("web_0"), "refused");
    std::vector<protocol::Refusal> refusals;
    CHECK(quarantine.compose(wanted, running, refusals) == config({web("leastconn", 2)}));
    CHECK(refusals.at(0).reason == "refused; its last good form stays");
}

TEST_CASE("quarantine: the last good form never takes a port back", "[haproxy][quarantine]") {
    const Config running = config({web("leastconn", 1, 10'000)});
    const Config wanted = config({web("random", 1, 10'005), app("/next", {10'000})});
    Quarantine quarantine;
    quarantine.add(*wanted.find("web_0"), "refused");
    std::vector<protocol::Refusal> refusals;
    const Config composed = quarantine.compose(wanted, running, refusals);
    REQUIRE(composed.fragments.size() == 1);
    CHECK(composed.fragments[0]->proxy == "next_0");
}

TEST_CASE("quarantine: a busy port costs who wants it, not who has it", "[haproxy][quarantine]") {
    const Config both = config({web("leastconn", 1), app("/other", {10'001})});
    Quarantine quarantine;
    quarantine.addBusy(10'000, "in use");
    quarantine.addBusy(10'001, "in use");
    std::vector<protocol::Refusal> refusals;
    const Config composed = quarantine.compose(both, config({web("leastconn", 1)}), refusals);
    CHECK(composed.fragments.size() == 1);
    CHECK(refusals.at(0).appId == "/other");
    CHECK(quarantine.hasBusy());
    quarantine.clearBusy();
    CHECK(quarantine.compose(both, {}, refusals) == both);
}

TEST_CASE("quarantine: a moved app whose new port is busy stays where it was",
          "[haproxy][quarantine]") {
    Quarantine quarantine;
    quarantine.addBusy(10'005, "in use");
    std::vector<protocol::Refusal> refusals;
    const Config running = config({web("leastconn", 1, 10'000)});
    CHECK(quarantine.compose(config({web("leastconn", 1, 10'005)}), running, refusals) == running);
}
