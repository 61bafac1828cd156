// SPDX-License-Identifier: MIT
// Tests of the upstream files' names and content.
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/confd-writer/instances_file.h"

#include "common/file_io.h"

#include <string>

using namespace mmsd;
using confd::fileName;
using confd::renderInstancesFile;
using confd::whyUnsafe;
using protocol::CheckProtocol;
using protocol::HealthCheck;
using test::instance;

namespace {

std::string golden(const std::string& name) {
    return readFile(std::string{MMSD_SOURCE_DIR} + "/tests/golden/confd/" + name, 65'536);
}

HealthCheck check(CheckProtocol protocol) {
    HealthCheck made;
    made.protocol = protocol;
    return made;
}

/** The value of a header line, or "(none)". */
std::string header(const confd::InstancesFile& file, const std::string& name) {
    const std::size_t begin = file.content.find(name + ": ");
    if (begin == std::string::npos)
        return "(none)";
    const std::size_t value = begin + name.size() + 2;
    return file.content.substr(value, file.content.find('\n', value) - value);
}

std::string applicationProto(const protocol::App& app, std::size_t index = 0) {
    return header(renderInstancesFile(app, index), "Service-Application-Proto");
}

} // namespace

TEST_CASE("instances file: the example of the contract", "[workers][confd][golden]") {
    auto app = test::app(
        "/developer/trapni/php", {10000, 10001, 0},
        {instance("host2", {31002, 31012, 31022}), instance("host1", {31001, 31011, 31021})});
    app.ports[0].check = check(CheckProtocol::Http);
    app.ports[1].isUdp = true;
    app.ports[2].isTcp = false;
    app.ports[2].isUdp = true;
    app.ports[2].labels["proto"] = "Syslog";
    for (const std::size_t index : {0U, 1U, 2U}) {
        const std::string name = fileName(app.id, index);
        CAPTURE(name);
        CHECK(renderInstancesFile(app, index).content == golden(name));
        CHECK(whyUnsafe(name) == std::nullopt);
    }
}

TEST_CASE("instances file: sorts by host, then by port as a number", "[workers][confd][golden]") {
    const auto app = test::app("/sorted", {80},
                               {instance("b", {9}), instance("a", {31000}), instance("a", {8000}),
                                instance("10.0.0.10", {1}), instance("10.0.0.9", {1}),
                                instance("fe80::1%eth0", {53}), instance("2001:db8::1", {53})});
    CHECK(renderInstancesFile(app, 0).content == golden("sorted.instances"));
}

TEST_CASE("instances file: lists only serving instances with a known port",
          "[workers][confd][golden]") {
    auto app = test::app("/some", {80, 81});
    const auto add = [&](const std::string& host, protocol::Serving serving) {
        app.instances.push_back(instance(host, {80, 81}));
        app.instances.back().serving = serving;
    };
    using enum protocol::Serving;
    add("yes", Yes);
    add("unknown", YesVerdictUnknown);
    add("held", YesUnreachable);
    add("draining", Draining);
    add("staging", NotRunning);
    add("sick", Unhealthy);
    add("awaiting", AwaitingVerdict);
    add("lost", Unreachable);
    add("unresolved", Unresolved);
    app.instances.push_back(instance("no-second-port", {80, 0}));
    auto inContainer = instance("host-of-container", {80, 8081});
    inContainer.ports[1].isOnContainer = true;
    inContainer.containerAddresses = {*IpAddress::parse("172.16.0.5")};
    app.instances.push_back(inContainer);
    CHECK(renderInstancesFile(app, 0).content == golden("some.instances"));
    CHECK(renderInstancesFile(app, 1).content == golden("some-1.instances"));
}

TEST_CASE("instances file: an app without instances keeps its header", "[workers][confd][golden]") {
    CHECK(renderInstancesFile(test::app("/empty", {8080}), 0).content == golden("empty.instances"));
}

TEST_CASE("instances file: application protocol by label, then by check", "[workers][confd]") {
    auto app = test::app("/a", {80, 81});
    CHECK(applicationProto(app) == "tcp");
    app.ports[0].check = check(CheckProtocol::Https);
    CHECK(applicationProto(app) == "tcp");
    app.ports[0].check = check(CheckProtocol::Http);
    CHECK(applicationProto(app) == "http");
    CHECK(applicationProto(app, 1) == "tcp");
    app.labels["proto"] = "SMTP";
    CHECK(applicationProto(app) == "smtp");
    CHECK(applicationProto(app, 1) == "smtp");
    app.ports[0].labels["proto"] = " redis-master ";
    CHECK(applicationProto(app) == "redis-master");
    CHECK(applicationProto(app, 1) == "smtp");
    app.ports[0].labels["proto"] = "";
    CHECK(applicationProto(app) == "http");
    app.ports[1].labels["proto"] = " ";
    app.ports[1].isTcp = false;
    app.ports[1].isUdp = true;
    CHECK(applicationProto(app, 1) == "udp");
}

TEST_CASE("instances file: a transport that is neither TCP nor UDP", "[workers][confd]") {
    auto app = test::app("/a", {80}, {instance("h", {1})});
    app.ports[0].isTcp = false; // sctp
    CHECK(header(renderInstancesFile(app, 0), "Service-Transport-Proto") == "unknown");
}

TEST_CASE("instances file: a label cannot write lines of its own", "[workers][confd]") {
    auto app = test::app("/a", {80}, {instance("h", {1})});
    for (const std::string& value :
         {std::string{"http\nHealth-Check-Proto: x"}, std::string{"a b"}, std::string(64, 'x'),
          std::string{"-x"}, std::string{"\xc3\xa4"}}) {
        CAPTURE(value);
        app.labels["proto"] = value;
        const auto file = renderInstancesFile(app, 0);
        CHECK(file.content == "Service-Name: a\nService-Port: 80\nService-Transport-Proto: tcp\n"
                              "Service-Application-Proto: tcp\n\nh:1\n");
        REQUIRE(file.complaints.size() == 1);
        CHECK_THAT(file.complaints[0], test::containsText("label proto"));
    }
}

TEST_CASE("instances file: a host cannot write lines of its own", "[workers][confd]") {
    const auto app = test::app("/a", {80},
                               {instance("good", {1}), instance("bad\nevil:1", {2}),
                                instance("two words", {3}), instance("", {4})});
    const auto file = renderInstancesFile(app, 0);
    CHECK(file.content.ends_with("\n\ngood:1\n"));
    CHECK(file.complaints.size() == 3);
}

TEST_CASE("instances file: health check protocol only where one is defined", "[workers][confd]") {
    auto app = test::app("/a", {80});
    const auto proto = [&] { return header(renderInstancesFile(app, 0), "Health-Check-Proto"); };
    CHECK(proto() == "(none)");
    for (const auto& [protocol, name] :
         {std::pair{CheckProtocol::Http, "http"}, std::pair{CheckProtocol::Https, "https"},
          std::pair{CheckProtocol::Tcp, "tcp"}, std::pair{CheckProtocol::Command, "command"}}) {
        app.ports[0].check = check(protocol);
        CHECK(proto() == name);
    }
}

TEST_CASE("instances file: names", "[workers][confd]") {
    CHECK(fileName("/developer/trapni/php", 0) == "developer.trapni.php.instances");
    CHECK(fileName("/developer/trapni/php", 1) == "developer.trapni.php-1.instances");
    CHECK(fileName("a", 63) == "a-63.instances");
}

TEST_CASE("instances file: refuses unsafe names", "[workers][confd]") {
    for (const std::string& id :
         {std::string{"/"}, std::string{""}, std::string{"/.hidden"}, std::string{"//a"},
          std::string{"/a/../b"}, std::string{"/a//b"}, std::string{"/a/"}, std::string{"/a/./b"},
          std::string{"/-rf"}, std::string{"/a b"}, std::string{"/a\nb"}, std::string{"/a\\b"},
          std::string{"/a*"}, std::string{"/\xc3\xa4"}, std::string{"/a\0b", 4},
          "/" + std::string(241, 'x')}) {
        CAPTURE(id);
        CHECK(whyUnsafe(fileName(id, 0)) != std::nullopt);
    }
    CHECK(whyUnsafe(fileName("/" + std::string(239, 'x'), 0)) == std::nullopt);
    CHECK(whyUnsafe(fileName("/" + std::string(239, 'x'), 1)) != std::nullopt);
    CHECK(whyUnsafe(fileName("/A_1/b-2.c", 9)) == std::nullopt);
}
