// SPDX-License-Identifier: MIT
// Tests of the status page: that it says what is, and that nothing from outside becomes markup.
#include "workers/api-server/status_page_assets.h"

#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/api-server/html_writer.h"
#include "workers/api-server/status_page.h"

#include <string>

using namespace mmsd;
using namespace std::chrono_literals;
using test::app;
using test::instance;

namespace {

constexpr api::ApiTime kNow{1'000s, 2'000'000s};
const std::string kHostile = "<script>alert('x')</script>\"&\x1b\xc2\x85\xe2\x80\xae";

std::size_t countOf(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++count;
    return count;
}

api::HttpResponse page(const api::ApiState& state, api::Query query = {}) {
    api::Inquiry inquiry;
    inquiry.mediaType = api::kHtmlType;
    inquiry.query = std::move(query);
    return statusPage(inquiry, state, kNow);
}

std::string escaped(std::string_view value) {
    api::HtmlWriter html;
    html.text(value);
    return std::move(html).take();
}

} // namespace

TEST_CASE("html: values are text, whatever they hold", "[workers][api]") {
    CHECK(escaped("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#39;");
    CHECK(escaped("gr\xc3\xbc\xc3\x9f \xe2\x82\xac") == "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
    const std::string replaced = "\xef\xbf\xbd";
    CHECK(escaped(std::string{"a\0b\nc\x7f", 6}) ==
          "a" + replaced + "b" + replaced + "c" + replaced);
    CHECK(escaped("\xc2\x9b") == replaced);           // CSI as one code point
    CHECK(escaped("\xe2\x80\xae") == replaced);       // right-to-left override
    CHECK(escaped("\xe2\x81\xa7") == replaced);       // right-to-left isolate
    CHECK(escaped("\xe2\x80\xa6") == "\xe2\x80\xa6"); // an ellipsis is none of them
    CHECK(escaped("a\xff\xc2") == "a" + replaced + replaced);
    CHECK(escaped("\xe2") == replaced);
}

TEST_CASE("status page: hostile values from everywhere stay values", "[workers][api]") {
    auto odd = app("/" + kHostile, {80}, {instance(kHostile, {1}, "10.0.0.1")}, kHostile);
    odd.labels = {{kHostile, kHostile}, {"lb-vhost", kHostile}, {"lb-group", kHostile}};
    odd.ports[0].name = kHostile;
    odd.problems = {{0, kHostile}, {protocol::kWholeApp, kHostile}};
    api::ApiState state;
    auto snapshot = std::make_shared<protocol::Snapshot>(*test::snapshotOf({odd}, 5));
    snapshot->begin.cause = kHostile;
    state.snapshot = snapshot;
    protocol::ProcessInfo process;
    process.name = kHostile;
    process.lastResult = kHostile;
    state.processes = protocol::ProcessStatus{5, {process}};
    auto& report = state.reports["marathon-watcher"].report;
    report.refusals = {{"/" + kHostile, 0, kHostile}};
    report.metrics = {{"source_info",
                       protocol::Metric::Kind::Gauge,
                       {{"state", kHostile}, {"text", kHostile}},
                       1}};
    state.options.hostName = kHostile;
    state.options.tcpRules.groups = {kHostile};
    const auto response = page(state, {{"q", ""}, {"problems", kHostile}});
    CHECK(countOf(response.body, "<script") == 1); // our own
    CHECK(countOf(response.body, "</script") == 1);
    CHECK(countOf(response.body, "alert('x')") == 0);
    CHECK(countOf(response.body, "alert(&#39;x&#39;)") > 5);
    CHECK(countOf(response.body, "\x1b") == 0);
    CHECK(countOf(response.body, "\xe2\x80\xae") == 0);
    CHECK(countOf(page(state, {{"q", "\"><img src=x>"}}).body, "<img") == 0);
}

TEST_CASE("status page: needs nothing but itself", "[workers][api]") {
    const auto response = page({});
    CHECK(response.status == 200);
    CHECK(response.contentType == api::kHtmlType);
    CHECK(response.fields.find("default-src 'none'; style-src " + std::string{api::kPageStyleHash} +
                               "; script-src " + std::string{api::kPageScriptHash} + ";") !=
          std::string::npos);
    CHECK(response.fields.find("unsafe") == std::string::npos);
    CHECK(countOf(response.body,
                  std::string{"<style>"} + std::string{api::kPageStyle} + "</style>") == 1);
    CHECK(countOf(response.body,
                  std::string{"<script>"} + std::string{api::kPageScript} + "</script>") == 1);
    // No attribute that the policy would forbid, and nothing from elsewhere.
    for (const auto* const part : {" style=", " onclick", "http://", "https://", "@import", "url("})
        CHECK(countOf(response.body, part) == 0);
    CHECK(countOf(response.body, "No state from Marathon yet") == 1);
    CHECK(countOf(response.body, "not ready") > 0);
}

TEST_CASE("status page: apps, where they are, and why not", "[workers][api]") {
    auto sick = instance("10.0.0.3", {31000});
    sick.serving = protocol::Serving::Unhealthy;
    api::ApiState state;
    state.snapshot = test::snapshotOf({app("/good", {8000}, {instance("10.0.0.2", {31000})}),
                                       app("/sick", {8001}, {instance("10.0.0.2", {31001}), sick}),
                                       app("/odd", {0}, {})},
                                      5);
    protocol::ProcessInfo haproxy;
    haproxy.name = "haproxy-manager";
    haproxy.phase = protocol::Phase::Running;
    haproxy.generation = 5;
    protocol::ProcessInfo confd = haproxy;
    confd.name = "confd-writer";
    state.processes = protocol::ProcessStatus{5, {haproxy, confd}};
    const std::string all = page(state).body;
    CHECK(countOf(all, "<summary>/good</summary>") == 1);
    CHECK(countOf(all, "1 / 2") == 1);
    CHECK(countOf(all, "Marathon&#39;s health checks fail") == 1);
    CHECK(countOf(all, "port 0: no service port") == 1);
    CHECK(countOf(all, "<b>tcp</b>8000") == 1);

    const std::string bad = page(state, {{"problems", "on"}}).body;
    CHECK(countOf(bad, "<summary>/good</summary>") == 0);
    CHECK(countOf(bad, "<summary>/sick</summary>") == 1);
    CHECK(countOf(bad, "<summary>/odd</summary>") == 1);
    CHECK(countOf(bad, "checked") > countOf(all, "checked"));

    const std::string found = page(state, {{"q", "GOOD+8000"}}).body;
    CHECK(countOf(found, "<summary>/good</summary>") == 1);
    CHECK(countOf(found, "<summary>/sick</summary>") == 0);
    CHECK(countOf(found, "value=\"GOOD 8000\"") == 1);
    CHECK(countOf(page(state, {{"q", "nowhere"}}).body, "No app fits.") == 1);
}

TEST_CASE("status page: is bounded", "[workers][api]") {
    std::vector<protocol::App> apps;
    for (std::size_t i = 0; i < api::kMaxListedApps + 3; ++i)
        apps.push_back(app("/app" + std::to_string(i), {}));
    apps[0].instances.assign(api::kMaxListedInstances + 4, instance("10.0.0.1", {}));
    api::ApiState state;
    state.snapshot = test::snapshotOf(apps, 5);
    state.reports["dns-server"].report.refusals.assign(api::kMaxPageRefusals + 5, {"/x", 0, "why"});
    const std::string text = page(state).body;
    CHECK(countOf(text, "<summary>") == api::kMaxListedApps);
    CHECK(countOf(text, "3 more apps") == 1);
    CHECK(countOf(text, ">4 more</li>") == 1);
    CHECK(countOf(text, ">5 more</p>") == 1);
}
