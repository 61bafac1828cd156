// SPDX-License-Identifier: MIT
// Tests of dns_name.
#include "tests/support/catch.h"
#include "workers/dns-server/dns_wire.h"
#include "workers/runtime/dns_name.h"

#include <set>

using namespace mmsd;
using namespace mmsd::dns;

namespace {

std::optional<WireName> appName(std::string_view id, std::size_t baseSize = 5) {
    std::string reason;
    auto name = nameOfApp(id, baseSize, reason);
    CHECK(name.has_value() == reason.empty());
    return name;
}

} // namespace

TEST_CASE("dns name: base names of any depth, with or without the last dot", "[dns][name]") {
    CHECK(parseName("mmsd.") == "\4mmsd");
    CHECK(parseName("Mmsd") == "\4mmsd");
    CHECK(parseName("a.b-c.Example.ORG.") == "\1a\3b-c\7example\3org");
    CHECK(parseName(".") == "");
    CHECK(parseName("") == std::nullopt);
    CHECK(parseName("a..b") == std::nullopt);
    CHECK(parseName("a b") == std::nullopt);
    CHECK(parseName("..") == std::nullopt);
    CHECK(parseName(std::string(64, 'a')) == std::nullopt);
    const std::string label63(63, 'a');
    CHECK(parseName(label63 + "." + label63 + "." + label63 + "." + std::string(61, 'b')));
    CHECK(parseName(label63 + "." + label63 + "." + label63 + "." + std::string(62, 'b')) ==
          std::nullopt);
}

TEST_CASE("dns name: app ids are reversed, in lower case", "[dns][name]") {
    CHECK(appName("/app") == "\3app");
    CHECK(appName("/path/to/app") == "\3app\2to\4path");
    CHECK(appName("/Path/To_It/APP") == "\3app\5to_it\4path");
    CHECK(appName("/a/b.c") == "\1b\1c\1a");
}

TEST_CASE("dns name: ids that are no names say why", "[dns][name]") {
    CHECK(appName("") == std::nullopt);
    CHECK(appName("/") == std::nullopt);
    CHECK(appName("/a//b") == std::nullopt);
    CHECK(appName("/a b") == std::nullopt);
    CHECK(appName("/a/b..c") == std::nullopt);
    CHECK(appName("/sch\xc3\xb6n") == std::nullopt);
    CHECK(appName("/" + std::string(63, 'x')).has_value());
    CHECK(appName("/" + std::string(64, 'x')) == std::nullopt);
    // Room for the base name and for names below the app is kept.
    const std::string segment = "/" + std::string(40, 'x');
    CHECK(appName(segment + segment + segment + segment).has_value());
    CHECK(appName(segment + segment + segment + segment, 30) == std::nullopt);
}

TEST_CASE("dns name: an instance's label depends on its task alone and is always as long",
          "[dns][name]") {
    const WireName label = instanceLabel(instanceHash("web.3f2a5b1c-8e44-11e6-a0ea"));
    CHECK(label == instanceLabel(instanceHash("web.3f2a5b1c-8e44-11e6-a0ea")));
    CHECK(label.size() == 10);
    CHECK(label.front() == 9);
    CHECK(label[1] == 'i');
    CHECK(parseLabel(label.substr(1)) == label);
    std::set<WireName> seen;
    for (int i = 0; i < 10'000; ++i)
        seen.insert(instanceLabel(instanceHash("task." + std::to_string(i))));
    CHECK(seen.size() == 10'000);
}

TEST_CASE("dns name: reverse names of both families", "[dns][name]") {
    CHECK(toText(reverseName(IpAddress::parse("10.20.3.254").value())) ==
          "254.3.20.10.in-addr.arpa");
    CHECK(toText(reverseName(IpAddress::parse("2001:db8::567:89ab").value())) ==
          "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST_CASE("dns name: texts escape what is no host name", "[dns][name]") {
    CHECK(toText("\3www\4mmsd") == "www.mmsd");
    CHECK(toText("\3a.b") == "a\\046b");
    CHECK(toText(std::string{"\2\0\xff", 3}) == "\\000\\255");
    CHECK(splitLabels("\1a\2bc").size() == 2);
    CHECK(splitLabels("").empty());
}
