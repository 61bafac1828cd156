// SPDX-License-Identifier: MIT
// Tests of what `mmsd status` and `mmsd explain` print.
#include "daemon/client/reports.h"
#include "tests/support/catch.h"

#include <stdexcept>
#include <string>

namespace mmsd::client {

namespace {

const Painter kPlain{false};
const Painter kColoured{true};

const std::string kStatus = R"({
  "version":"1.0.0","host":"node7","ready":false,
  "reasons":["confd-writer is backing_off: exit status 71"],"notes":["a note"],
  "snapshot":{"generation":42,"cause":"resync","observed_age_seconds":75,"apps":3,
    "instances":10,"serving_instances":9},
  "watcher":{"state":"connected","text":"http://m1:8080","state_confirmed_age_seconds":12.34,
    "last_byte_age_seconds":3},
  "processes":[
    {"name":"marathon-watcher","phase":"running","pid":11,"generation":0,"restarts":0,
     "uptime_seconds":7500,"last_result":""},
    {"name":"confd-writer","phase":"backing_off","pid":0,"generation":41,"restarts":3,
     "uptime_seconds":null,"last_result":"exit status 71"}],
  "refusals":[
    {"process":"haproxy-manager","app":"/a","port_index":0,"reason":"label x=\"\\\"","partial":true},
    {"process":"haproxy-manager","app":"/b","port_index":null,"reason":"taken","partial":false}],
  "refusals_omitted":2})";

const std::string kApp = R"({
  "app":"/dev/web","version":"2020","generation":5,"serving":1,"instances_total":2,"notes":[],
  "ports":[{"index":0,"name":"http","service_port":10000,"transports":["tcp"],"serving":1,
    "labels":[{"name":"proto","value":"http","from":"app"}],
    "outputs":[
      {"kind":"tcp","state":"left_out","rule":"conflict","reason":"taken by /b","places":[]},
      {"kind":"dns","state":"exposed","rule":null,"reason":null,
       "places":["web.dev.mmsd","_0._tcp.web.dev.mmsd"],"zone":"mmsd"}],
    "notes":[{"process":"dns-server","rule":"limit","text":"too long"}]}],
  "instances":[{"task_id":"t1","host":"10.0.0.9","state":"TASK_RUNNING","health":"healthy",
    "serving":true,"reason":"runs and is healthy","endpoints":[{"port":31000},{"port":null}]}]})";

std::string status(const std::string& text, const Painter& painter = kPlain) {
    const JsonDocument document{text};
    return renderStatus(document.root(), painter);
}

} // namespace

TEST_CASE("client report: status", "[client]") {
    CHECK(status(kStatus) == R"(not ready   node7   mmsd 1.0.0
  confd-writer is backing_off: exit status 71
  note: a note

Marathon   connected: http://m1:8080, confirmed 12 s ago, last event byte 3.0 s ago
State      generation 42, 3 apps, 9 of 10 instances serve
Last change 75 s ago: resync

PROCESS           PHASE        PID  UP         RESTARTS  GENERATION  LAST RESULT
marathon-watcher  running      11   2 h 5 min  0         -
confd-writer      backing_off  0    -          3         41          exit status 71

REFUSED (2)
/b  all     haproxy-manager  left out        taken
/a  port 0  haproxy-manager  served without  label x="\"
and 2 more
)");
    const std::string coloured = status(kStatus, kColoured);
    CHECK(coloured.starts_with("\x1b[31mnot ready\x1b[0m"));
    CHECK(coloured.find("\x1b[32mrunning\x1b[0m") != std::string::npos);
}

TEST_CASE("client report: a status that says nothing", "[client]") {
    CHECK(status("{}") == "not ready   mmsd \n\nMarathon   nothing known yet\nState      none\n\n"
                          "PROCESS  PHASE  PID  UP  RESTARTS  GENERATION  LAST RESULT\n");
    CHECK(status(R"({"ready":"yes","reasons":{},"processes":[7,null],"snapshot":[]})")
              .starts_with("not ready"));
}

TEST_CASE("client report: nothing from the net reaches the terminal raw", "[client]") {
    const std::string text =
        status(R"({"reasons":["\u001b[2Jx\u009by\u202e"],"host":"a\u0007b\nc"})");
    for (const char c : {'\x1b', '\x07'})
        CHECK(text.find(c) == std::string::npos);
    CHECK(text.find("\xc2\x9b") == std::string::npos);
    CHECK(text.find("\xe2\x80\xae") == std::string::npos);
    CHECK(text.find("a\\x07b\\nc") != std::string::npos);
}

TEST_CASE("client report: one app", "[client]") {
    const JsonDocument document{kApp};
    CHECK(renderApp(document.root(), kPlain) ==
          R"(/dev/web   1 of 2 instances serve   version 2020

port 0 "http"   service port 10000   tcp   1 serving
  tcp  left_out  taken by /b
  dns  exposed   web.dev.mmsd, _0._tcp.web.dev.mmsd
                 zone mmsd
  labels: proto=http (app)
  note: too long (dns-server)

instances
  serves  10.0.0.9:31000,?  TASK_RUNNING  healthy  runs and is healthy  t1
)");
}

TEST_CASE("client report: an unknown app", "[client]") {
    const JsonDocument document{
        R"({"error":"no such app: /x","near":["/a/x"],"notes":[{"process":"p","text":"why"}]})"};
    CHECK(renderUnknownApp(document.root(), kPlain) ==
          "no such app: /x\nnote: why (p)\nDid you mean\n  /a/x\n");
}

TEST_CASE("client json: what is no object is refused", "[client]") {
    for (const char* const text : {"", "[]", "7", "{", "{}x", "<html>", "{\"a\":1,}"})
        CHECK_THROWS_AS(JsonDocument{text}, std::runtime_error);
    const std::string deep =
        "{\"a\":" + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}";
    CHECK(JsonDocument{deep}.root()["a"].items().size() == 1);
}

} // namespace mmsd::client
