// SPDX-License-Identifier: MIT
// Model to configuration text: golden files, stability, and what the real HAProxy says to it.
#include "common/file_io.h"
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;
using mmsd::test::containsText;

namespace {

/** Compares with a file in tests/golden/haproxy; MMSD_UPDATE_GOLDEN=1 writes it instead. */
void checkGolden(const std::string& name, const std::string& text) {
    const char* const folder = std::getenv("MMSD_GOLDEN");
    REQUIRE(folder != nullptr);
    const std::string path = std::string{folder} + "/haproxy/" + name;
    if (std::getenv("MMSD_UPDATE_GOLDEN") != nullptr)
        std::ofstream{path} << text;
    CHECK(readFile(path, 1 << 20) == text);
}

protocol::App labelled(const std::string& id, std::uint16_t port, protocol::Labels labels,
                       const std::string& address = "10.0.0.1") {
    auto made = app(id, {port});
    made.labels = std::move(labels);
    made.instances = {instance(address, {static_cast<std::uint16_t>(port + 20'000)})};
    return made;
}

/** An app for each protocol and each label. */
std::vector<protocol::App> everything() {
    std::vector<protocol::App> apps{
        labelled("/tcp", 10'000, {}),
        labelled("/http/plain", 10'001,
                 {{"proto", "http"}, {"lb-vhost", "plain.test,*.wild.test"}}),
        labelled("/http/close", 10'002, {{"proto", "http"}, {"http-connection-mode", "httpclose"}}),
        labelled("/http/server-close", 10'003,
                 {{"proto", "http"}, {"http-connection-mode", "http-server-close"}}),
        labelled("/http/keep-alive", 10'004,
                 {{"proto", "http"}, {"http-connection-mode", "http-keep-alive"}}),
        labelled("/smtp", 10'005, {{"proto", "smtp"}}),
        labelled("/redis/any", 10'006, {{"proto", "redis"}}),
        labelled("/redis/master", 10'007, {{"proto", "redis-master"}}),
        labelled("/redis/slave", 10'008, {{"proto", "redis-slave"}}),
        labelled("/proxy/in", 10'009, {{"lb-accept-proxy", "1"}}),
        labelled("/proxy/v1", 10'010, {{"lb-proxy-protocol", "1"}}),
        labelled("/proxy/v2", 10'011, {{"lb-proxy-protocol", "2"}}),
        labelled("/balance/roundrobin", 10'012, {{"lb-balance", "roundrobin"}}),
        labelled("/balance/source", 10'013, {{"lb-balance", "source"}}),
        labelled("/balance/random", 10'014, {{"lb-balance", "random"}}),
        labelled("/quiet", 10'015, {{"haproxy-logging", "0"}}),
        labelled("/unchecked", 10'016, {{"disable-haproxy-health-check", "true"}}),
        labelled("/v6", 10'017, {}, "fd00::1"),
        labelled("/tls", 10'018,
                 {{"lb-vhost-ssl", "tls.test,*.tls.test,*.deep.tls.test"},
                  {"lb-vhost-ssl-default", "0"}}),
        labelled("/default", 10'019, {{"proto", "http"}, {"lb-vhost-default", "0"}}),
        app("/empty", {10'020}),
    };
    auto checked = labelled("/checked", 10'021, {{"lb-proxy-protocol", "2"}});
    checked.ports[0].check = protocol::HealthCheck{.path = "/health?full=1",
                                                   .interval = std::chrono::seconds{10},
                                                   .timeout = std::chrono::seconds{2},
                                                   .maxConsecutiveFailures = 4,
                                                   .port = 9'999};
    apps.push_back(checked);
    return apps;
}

std::string mapsText(const Config& config) {
    std::string text;
    for (const auto& [name, content] : config.maps)
        text += "== " + name + "\n" + content;
    return text;
}

} // namespace

TEST_CASE("haproxy config: every protocol and label", "[haproxy][config][golden]") {
    const Config config = makeConfig(model(everything()), gatewayOptions());
    checkGolden("everything.cfg", render(config).text);
    checkGolden("everything.maps", mapsText(config));
    const std::string verdict = checkWithHaproxy(config);
    INFO(verdict);
    CHECK((verdict.empty() || verdict == "skipped"));
    CHECK(config.fragments.size() == 22);
}

TEST_CASE("haproxy config: no apps, no gateway, old HAProxy, IPv6", "[haproxy][config][golden]") {
    ConfigOptions old = options();
    old.features = {{2, 4}, "2.4.0", false, false};
    old.bindIp = IpAddress{in6addr_any};
    old.management = {IpAddress::parse("::1").value(), 28'081};
    const Config config = makeConfig(model({app("/a", {10'000})}), old);
    checkGolden("minimal.cfg", render(config).text);
    const std::string verdict = checkWithHaproxy(config);
    INFO(verdict);
    CHECK((verdict.empty() || verdict == "skipped"));
}

TEST_CASE("haproxy config: the same state gives the same bytes", "[haproxy][config]") {
    std::vector<protocol::App> apps = everything();
    for (protocol::App& app : apps)
        for (int i = 0; i < 9; ++i)
            app.instances.push_back(instance("10.0.1." + std::to_string(i), {31'000}));
    const Config first = makeConfig(model(apps), gatewayOptions());
    const std::string text = render(first).text;
    std::mt19937 random{4711};
    for (int round = 0; round < 100; ++round) {
        std::ranges::shuffle(apps, random);
        for (protocol::App& app : apps)
            std::ranges::shuffle(app.instances, random);
        const Config config = makeConfig(model(apps), gatewayOptions());
        REQUIRE(render(config).text == text);
        REQUIRE(config.maps == first.maps);
    }
}

TEST_CASE("haproxy config: hostile values never reach the text", "[haproxy][config]") {
    const std::vector<std::string> hostile{
        "x\n    bind :1",
        std::string{"x\0y", 3},
        "x\"y",
        "x'y",
        "x#y",
        "${PATH}",
        "%[src]",
        std::string(10'240, 'x'),
        " ",
        "\xc3\xa9",
        "x\\y",
        "x\ry",
        "x y",
        "-1",
        "0",
        "70000",
        "x\ty",
        "{x}",
    };
    const char* const names[] = {"proto",
                                 "lb-balance",
                                 "lb-accept-proxy",
                                 "lb-proxy-protocol",
                                 "lb-vhost",
                                 "lb-vhost-default",
                                 "lb-vhost-ssl",
                                 "lb-vhost-ssl-default",
                                 "lb-vhost-default-ssl",
                                 "lb-group",
                                 "http-connection-mode",
                                 "haproxy-logging",
                                 "disable-haproxy-health-check"};
    std::vector<protocol::App> apps;
    std::uint16_t port = 10'000;
    for (const std::string& value : hostile) {
        auto bad = app("/bad-" + std::to_string(port), {port});
        for (const char* const name : names)
            bad.labels[name] = value;
        bad.ports[0].check.emplace().path = "/" + value;
        bad.instances = {instance("10.0.0.1", {31'000})};
        apps.push_back(bad);
        auto badHttp = bad;
        badHttp.id += "-http";
        badHttp.ports[0].servicePort = static_cast<std::uint16_t>(port + 1);
        badHttp.labels["proto"] = "http";
        apps.push_back(badHttp);
        port = static_cast<std::uint16_t>(port + 2);
    }
    const Config config = makeConfig(model(apps), gatewayOptions());
    const std::string verdict = checkWithHaproxy(config);
    INFO(verdict);
    CHECK((verdict.empty() || verdict == "skipped"));
    CHECK(config.fragments.size() == apps.size());
    for (const auto& fragment : config.fragments) {
        CHECK_THAT(fragment->head, !containsText("${"));
        CHECK_THAT(fragment->head, !containsText("xxxx"));
        CHECK_THAT(fragment->head, !containsText("#"));
        CHECK(std::ranges::all_of(fragment->head,
                                  [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); }));
    }
}
