// SPDX-License-Identifier: MIT
// Tests of the codecs of apps and instances.
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "protocol/state_codec.h"
#include "protocol/wire_writer.h"
#include "tests/support/catch.h"
#include "tests/unit/protocol/samples.h"

#include <functional>
#include <limits>
#include <string>

namespace mmsd::protocol {

namespace {

App recode(const App& app) {
    const EncodedApp encoded = encodeApp(app);
    DecodedApp decoded = decodeApp(encoded.app);
    CHECK(decoded.instanceCount == app.instances.size());
    CHECK(encoded.instanceCount == app.instances.size());
    for (const Payload& payload : encoded.instances)
        decodeInstances(payload, decoded.app);
    return decoded.app;
}

/** What encodeApp says of the sample app after @p change. */
std::string refusal(const std::function<void(App&)>& change) {
    App app = samples::app();
    change(app);
    try {
        (void)encodeApp(app);
        return "";
    } catch (const ProtocolError& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("state codec: an app comes back as it went", "[protocol][state_codec]") {
    CHECK(recode(samples::app()) == samples::app());
    App bare;
    bare.id = "/";
    CHECK(recode(bare) == bare);
}

TEST_CASE("state codec: many instances take several payloads", "[protocol][state_codec]") {
    const App app = samples::plainApp("/many", 5'000);
    const EncodedApp encoded = encodeApp(app);
    CHECK(encoded.instances.size() > 1);
    std::size_t total = encoded.app.size();
    for (const Payload& payload : encoded.instances) {
        CHECK(payload.size() <= kMaxPayload);
        total += payload.size();
    }
    CHECK(encoded.instances.front().size() > kMaxPayload - 200);
    CHECK(encoded.payloadBytes() == total);
    CHECK(recode(app) == app);
}

TEST_CASE("state codec: equal apps have equal bytes", "[protocol][state_codec]") {
    const EncodedApp a = encodeApp(samples::app());
    const EncodedApp b = encodeApp(recode(samples::app()));
    CHECK(a.app == b.app);
    CHECK(a.instances == b.instances);
}

TEST_CASE("state codec: problems are cleaned and cut", "[protocol][state_codec]") {
    App app = samples::plainApp("/a");
    app.problems = {{.portIndex = 0, .text = std::string(kMaxProblemText + 9, 'x') + "\n"}};
    CHECK(recode(app).problems.at(0).text.size() <= kMaxProblemText);
}

TEST_CASE("state codec: every limit is held and named", "[protocol][state_codec]") {
    using mmsd::test::containsText;
    CHECK_THAT(refusal([](App& app) { app.id = "/" + std::string(kMaxAppId, 'x'); }),
               containsText("app id: 231 is above the limit of 230"));
    CHECK_THAT(refusal([](App& app) { app.id = ""; }), containsText("app id"));
    CHECK_THAT(refusal([](App& app) { app.id = "a"; }), containsText("app id"));
    CHECK_THAT(refusal([](App& app) { app.id = "/a\n"; }), containsText("app id"));
    CHECK_THAT(refusal([](App& app) { app.version = std::string(kMaxAppVersion + 1, '1'); }),
               containsText("app version"));
    CHECK_THAT(refusal([](App& app) { app.labels["k"] = std::string(kMaxLabel, 'x'); }),
               containsText("label"));
    CHECK_THAT(refusal([](App& app) { app.labels["a\nb"] = "x"; }), containsText("label"));
    CHECK_THAT(refusal([](App& app) { app.labels["k"] = std::string(1, '\0'); }),
               containsText("label value"));
    CHECK_THAT(refusal([](App& app) { app.labels["k"] = "\xc3"; }), containsText("label value"));
    CHECK_THAT(refusal([](App& app) {
                   for (std::size_t i = 0; i < kMaxLabelsPerApp; ++i)
                       app.ports[i % 2].labels[std::to_string(i)] = "x";
               }),
               containsText("labels of an app"));
    CHECK_THAT(refusal([](App& app) {
                   for (std::size_t i = 0; i < 11; ++i)
                       app.ports[i % 2].labels[std::to_string(i)] = std::string(4'000, 'x');
               }),
               containsText("label octets of an app"));
    CHECK_THAT(refusal([](App& app) { app.ports.resize(kMaxPortsPerApp + 1); }),
               containsText("ports of an app"));
    CHECK_THAT(refusal([](App& app) { app.ports[0].name = std::string(kMaxPortName + 1, 'x'); }),
               containsText("port name"));
    CHECK_THAT(
        refusal([](App& app) { app.ports[0].check->path = std::string(kMaxCheckPath + 1, 'x'); }),
        containsText("check path"));
    CHECK_THAT(refusal([](App& app) {
                   app.ports[0].check->interval = std::chrono::milliseconds{1LL << 32};
               }),
               containsText("check interval"));
    CHECK_THAT(
        refusal([](App& app) { app.ports[0].check->timeout = std::chrono::milliseconds{-1}; }),
        containsText("check timeout"));
    CHECK_THAT(refusal([](App& app) { app.problems.resize(kMaxProblemsPerApp + 1); }),
               containsText("problems of an app"));
    CHECK_THAT(refusal([](App& app) { app.instances[0].taskId = std::string(513, 'x'); }),
               containsText("task id"));
    CHECK_THAT(refusal([](App& app) { app.instances[0].agentId = "\x7f"; }),
               containsText("agent id"));
    CHECK_THAT(refusal([](App& app) { app.instances[0].host = std::string(256, 'x'); }),
               containsText("host"));
    CHECK_THAT(refusal([](App& app) { app.instances[0].hostAddresses.resize(kMaxAddresses + 1); }),
               containsText("addresses"));
    CHECK_THAT(refusal([](App& app) { app.instances[0].ports.pop_back(); }),
               containsText("ports of an instance: 1 instead of 2"));
    CHECK_THAT(
        refusal([](App& app) { app.instances.resize(kMaxInstancesPerApp + 1, app.instances[0]); }),
        containsText("instances of an app"));
    // All of them within their limits, but too much for one frame.
    CHECK_THAT(refusal([](App& app) {
                   Port port;
                   port.name = std::string(kMaxPortName, 'x');
                   port.check = HealthCheck{.path = std::string(kMaxCheckPath, 'x'), .port = 1};
                   app.ports.assign(kMaxPortsPerApp, port);
                   app.instances.clear();
               }),
               containsText("octets of an app"));
}

TEST_CASE("state codec: labels out of order are refused", "[protocol][state_codec]") {
    const auto payloadWith = [](const char* first, const char* second) {
        WireWriter writer;
        writer.string("/a");
        writer.string("");
        writer.boolean(false);
        writer.u32(0);
        writer.count(2);
        for (const char* key : {first, second}) {
            writer.string(key);
            writer.string("x");
        }
        writer.count(0);
        writer.count(0);
        return writer.take();
    };
    CHECK(decodeApp(payloadWith("a", "b")).app.labels.size() == 2);
    CHECK_THROWS_AS(decodeApp(payloadWith("b", "a")), ProtocolError);
    CHECK_THROWS_AS(decodeApp(payloadWith("a", "a")), ProtocolError);
}

TEST_CASE("state codec: instances must fit their app", "[protocol][state_codec]") {
    const EncodedApp encoded = encodeApp(samples::plainApp("/a"));
    App other;
    other.ports.resize(2);
    CHECK_THROWS_AS(decodeInstances(encoded.instances.at(0), other), ProtocolError);

    WireWriter empty;
    empty.count(0);
    App app = samples::plainApp("/a");
    CHECK_THROWS_AS(decodeInstances(empty.view(), app), ProtocolError);
}

TEST_CASE("state codec: an app has a limited number of instances, in all payloads together",
          "[protocol][state_codec]") {
    App app = samples::plainApp("/a");
    const Payload one = encodeApp(app).instances.at(0);
    app.instances.resize(kMaxInstancesPerApp - 1, app.instances[0]);
    CHECK_NOTHROW(decodeInstances(one, app));
    CHECK_THROWS_AS(decodeInstances(one, app), ProtocolError);
}

TEST_CASE("state codec: a snapshot announces what it holds", "[protocol][state_codec]") {
    const auto frames =
        samples::encodeFrames(3, {samples::plainApp("/a", 2), samples::plainApp("/b", 3)});
    std::span<const std::byte> rest{frames};
    const auto first = takeFrame(rest);
    REQUIRE(first);
    CHECK(first->header.type == MessageType::SnapshotBegin);
    CHECK(first->header.generation == 3);
    const SnapshotBegin begin = decodeSnapshotBegin(first->payload);
    CHECK(begin.appCount == 2);
    CHECK(begin.instanceCount == 5);
    CHECK(begin.observedAtUs == 7);
    CHECK(begin.cause == "test");
    std::size_t payloadBytes = 0;
    while (const auto frame = takeFrame(rest)) {
        CHECK(frame->header.generation == 3);
        if (frame->header.type != MessageType::SnapshotEnd)
            payloadBytes += frame->payload.size();
    }
    CHECK(rest.empty());
    CHECK(begin.payloadBytes == payloadBytes);
}

TEST_CASE("state codec: a snapshot has a limited number of instances", "[protocol][state_codec]") {
    EncodedApp app;
    app.instanceCount = kMaxInstancesPerApp;
    const std::vector<const EncodedApp*> many(17, &app); // 17 * 65 536 is above the limit
    CHECK_THROWS_WITH(encodeSnapshot(1, {}, many), mmsd::test::containsText("instances"));
    EncodedApp empty;
    const std::vector<const EncodedApp*> apps(kMaxApps + 1, &empty);
    CHECK_THROWS_WITH(encodeSnapshot(1, {}, apps), mmsd::test::containsText("apps"));
}

} // namespace mmsd::protocol
