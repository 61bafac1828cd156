// SPDX-License-Identifier: MIT
// A configuration in pieces, to text and back.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;

namespace {

Config sample() {
    auto a = app("/a", {10'000, 10'001});
    a.ports[0].labels = {
        {"proto", "http"}, {"lb-vhost", "a.com,*.b.com"}, {"lb-vhost-default", "1"}};
    a.ports[1].labels = {{"lb-vhost-ssl", "t.com"}};
    a.instances = {instance("10.0.0.1", {31'000, 31'001}), instance("::1", {31'000, 31'001})};
    auto b = app("/b", {10'002}); // no instances
    return makeConfig(model({a, b}), gatewayOptions());
}

} // namespace

TEST_CASE("config text: reads back what it writes", "[haproxy][text]") {
    const Config config = sample();
    const std::string text = render(config).text;
    Config parsed = parseConfig(text);
    parsed.maps = config.maps;
    CHECK(parsed == config);
    CHECK(render(parsed).text == text);
}

TEST_CASE("config text: tells the line of each fragment", "[haproxy][text]") {
    const Config config = sample();
    const RenderedConfig rendered = render(config);
    REQUIRE(rendered.firstLines.size() == config.fragments.size());
    for (std::size_t i = 0; i < config.fragments.size(); ++i) {
        std::size_t offset = 0;
        for (std::size_t line = 1; line < rendered.firstLines[i]; ++line)
            offset = rendered.text.find('\n', offset) + 1;
        CHECK(rendered.text.substr(offset, 6) == "# app ");
        CHECK(rendered.text.find("proxy " + config.fragments[i]->proxy + "\n", offset) ==
              rendered.text.find("proxy ", offset));
    }
}

TEST_CASE("config text: an edited file differs", "[haproxy][text]") {
    const Config config = sample();
    std::string text = render(config).text;
    text.insert(text.find("    balance"), "    option forceclose\n");
    Config parsed = parseConfig(text);
    parsed.maps = config.maps;
    CHECK_FALSE(parsed == config);
    CHECK_NOTHROW(parseConfig("# app broken\n# app /a port x on 1 proxy y\n    server nonsense\n"));
}

TEST_CASE("config text: tells who holds what", "[haproxy][text]") {
    const Claims claims = claimsOf(sample());
    CHECK(claims.ports.at(10'001) == mmsd::worker::PortName{"/a", 1});
    CHECK(claims.http.exact.at("a.com") == "a_0");
    CHECK(claims.http.suffixes.at(".b.com") == "a_0");
    CHECK(claims.http.fallback == "a_0");
    CHECK(claims.tls.exact.at("t.com") == "a_1");
    CHECK_FALSE(claims.tls.fallback);
}

TEST_CASE("config text: keeps usable and held lines of a map", "[haproxy][text]") {
    const auto isUsable = [](std::string_view proxy) { return proxy == "a_0"; };
    CHECK(keepUsableLines("x b_a_0\ny b_new_0\nz b_old_0\n* b_a_0\n", "z b_old_0\n", isUsable) ==
          "x b_a_0\nz b_old_0\n* b_a_0\n");
}
