// SPDX-License-Identifier: MIT
// Tests of the text of /v1/explain against tests/golden/api; MMSD_UPDATE_GOLDEN=1 writes it anew.
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/explain_json.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

using namespace mmsd;
using test::app;
using test::instance;

namespace {

protocol::ProcessInfo running(const std::string& name) {
    protocol::ProcessInfo info;
    info.name = name;
    info.phase = protocol::Phase::Running;
    info.generation = 5;
    return info;
}

api::ApiState sampleState() {
    auto sick = instance("10.0.0.3", {31000, 0});
    sick.state = protocol::TaskState::Running;
    sick.health = protocol::Health::Unhealthy;
    sick.serving = protocol::Serving::Unhealthy;
    auto web = app("/dev/web", {10000, 10001}, {instance("10.0.0.2", {31000, 31001}), sick});
    web.labels = {{"proto", "tcp"}, {"quote", "\"\n<ü>"}};
    web.ports[0].name = "http";
    web.ports[0].labels = {{"proto", "http"}, {"lb-vhost", "www.a.test"}};
    web.ports[0].check.emplace();
    web.ports[0].check->path = "/health";
    web.ports[1].isUdp = true;
    web.problems = {{protocol::kWholeApp, "whole"}};
    api::ApiState state;
    state.snapshot = test::snapshotOf({web, app("/dev/other", {80})}, 5);
    state.processes = protocol::ProcessStatus{
        5, {running("haproxy-manager"), running("confd-writer"), running("dns-server")}};
    state.reports["haproxy-manager"].report.refusals = {
        {"/dev/web", 1, "service port 10001 taken by /a port index 0",
         protocol::RefusalRule::Conflict},
        {"/dev/lost", protocol::kWholeApp, "too many labels", protocol::RefusalRule::Limit}};
    state.options.hasUdp = false;
    state.options.hasDns = true;
    state.options.hasGateway = true;
    state.options.bindIp = *IpAddress::parse("10.0.0.1");
    state.options.gatewayHttp = {*IpAddress::parse("::"), 80};
    state.options.filesFolder = "/run/mmsd/confd";
    return state;
}

std::string explain(const std::string& appId, int status) {
    const api::ApiState state = sampleState();
    api::Inquiry inquiry;
    inquiry.appId = appId;
    inquiry.mediaType = api::kJsonType;
    const auto response = api::explainApp(inquiry, state, {});
    CHECK(response.status == status);
    return response.body;
}

/** Line breaks between the values, so that a difference can be read. */
std::string spread(std::string text) {
    for (std::size_t at = 0; (at = text.find(",\"", at)) != std::string::npos; at += 2)
        text.replace(at, 2, ",\n\"");
    return text;
}

void compare(const std::string& name, const std::string& text) {
    const std::string path = MMSD_SOURCE_DIR "/tests/golden/api/" + name;
    if (std::getenv("MMSD_UPDATE_GOLDEN") != nullptr)
        std::ofstream{path} << text;
    std::ifstream file{path};
    REQUIRE(file);
    CHECK(std::string{std::istreambuf_iterator<char>{file}, {}} == text);
}

} // namespace

TEST_CASE("explain: the whole answer", "[workers][api]") {
    compare("explain.json", spread(explain("/dev/web", 200)));
}

TEST_CASE("explain: an unknown app", "[workers][api]") {
    compare("unknown_app.json", spread(explain("/dev/lost", 404)));
}

TEST_CASE("explain: before the first state", "[workers][api]") {
    api::Inquiry inquiry;
    inquiry.appId = "/a";
    inquiry.mediaType = api::kJsonType;
    CHECK(api::explainApp(inquiry, {}, {}).status == 503);
}
