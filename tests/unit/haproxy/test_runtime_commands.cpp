// SPDX-License-Identifier: MIT
// Texts for the runtime API and its answers, as HAProxy 2.6.12 gives them.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"
#include "workers/haproxy-manager/runtime_commands.h"

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;
using enum ServerChange::Kind;

namespace {

constexpr std::string_view kStates =
    "1\n"
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
    "srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health "
    "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord "
    "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"
    "6 b_a_0 1 10.0.0.1:28100 10.0.0.1 2 0 1 1 1 8 2 0 6 0 0 0 - 28100 - 0 0 - - 0\n"
    "6 b_a_0 2 10.0.0.1:28101 10.0.0.1 2 1 1 1 0 1 0 1 6 0 0 0 - 28101 - 0 0 - - 0\n"
    "\n";

InetEndpoint server(std::uint16_t port) {
    return {IpAddress::parse("10.0.0.1").value(), port};
}

ServerChange change(ServerChange::Kind kind, std::uint16_t port) {
    return {kind, "b_a_0", server(port), {}};
}

} // namespace

TEST_CASE("runtime commands: a server is checked before it gets traffic", "[haproxy][runtime]") {
    const auto commands = serverCommands({{Add, "b_a_0", server(1), " check inter 5s"},
                                          {Add, "b_a_0", server(2), ""},
                                          change(Revive, 3),
                                          change(Drain, 4),
                                          change(Remove, 5)});
    std::string text;
    for (const RuntimeCommand& command : commands)
        text += command.text + "\n";
    CHECK(text == "add server b_a_0/10.0.0.1:1 10.0.0.1:1 check inter 5s\n"
                  "enable health b_a_0/10.0.0.1:1\n"
                  "enable server b_a_0/10.0.0.1:1\n"
                  "add server b_a_0/10.0.0.1:2 10.0.0.1:2\n"
                  "enable server b_a_0/10.0.0.1:2\n"
                  "set server b_a_0/10.0.0.1:3 state ready\n"
                  "set server b_a_0/10.0.0.1:4 state drain\n"
                  "set server b_a_0/10.0.0.1:5 state maint\n");
    CHECK(isAsExpected(commands[0], "New server registered.\n"));
    CHECK_FALSE(isAsExpected(commands[0], ""));
    CHECK_FALSE(isAsExpected(commands[0], "Already exists a server with the same name.\n"));
    CHECK(isAsExpected(commands[1], "\n"));
    CHECK_FALSE(isAsExpected(commands[1], "No such server.\n"));
}

TEST_CASE("runtime commands: maps are filled in pieces and committed", "[haproxy][runtime]") {
    const auto small = mapCommands("http.map", 7, "a b_a_0\n");
    REQUIRE(small.size() == 2);
    CHECK(small[0].text == "add map @7 http.map <<\na b_a_0\n");
    CHECK(small[1].text == "commit map @7 http.map");
    CHECK(mapCommands("http.map", 1, "").size() == 1);

    std::string large;
    for (int i = 0; i < 2'000; ++i)
        large += "host-" + std::to_string(i) + ".example.com b_a_0\n";
    std::string joined;
    for (const RuntimeCommand& command : mapCommands("m", 1, large)) {
        CHECK(command.text.size() < 13'000);
        if (command.text.starts_with("add"))
            joined += command.text.substr(command.text.find('\n') + 1);
    }
    CHECK(joined == large);
    CHECK(parseMapVersion("New version created: 12\n") == 12);
    CHECK_FALSE(parseMapVersion("Unknown map identifier."));
    CHECK_FALSE(parseMapVersion("New version created: x"));
}

TEST_CASE("runtime commands: reads show info", "[haproxy][runtime]") {
    const auto info = parseInfo("Name: HAProxy\nVersion: 2.6.12\nPid: 15108\nStopping: 1\n");
    REQUIRE(info);
    CHECK(info->pid == 15'108);
    CHECK(info->isStopping);
    CHECK_FALSE(parseInfo(""));
    CHECK_FALSE(parseInfo("Name: HAProxy\n"));
    CHECK_FALSE(parseInfo("Name: nginx\nPid: 1\n"));
}

TEST_CASE("runtime commands: reads show servers state", "[haproxy][runtime]") {
    const auto states = parseServerStates(kStates);
    REQUIRE(states);
    REQUIRE(states->size() == 2);
    CHECK((*states)[0].isReady());
    CHECK((*states)[0].address == "10.0.0.1");
    CHECK((*states)[0].port == 28'100);
    CHECK_FALSE((*states)[1].isReady());
    CHECK_FALSE(parseServerStates(""));
    CHECK_FALSE(parseServerStates("2\n# be_id be_name\n"));
    CHECK_FALSE(parseServerStates("1\n# be_id something\n"));
    std::string broken{kStates};
    broken.replace(broken.find("28100 -"), 5, "99999");
    CHECK_FALSE(parseServerStates(broken));
}

TEST_CASE("runtime commands: verifies what became of each change", "[haproxy][runtime]") {
    const auto states = parseServerStates(kStates).value();
    CHECK(areApplied({change(Add, 28'100), change(Remove, 28'101), change(Remove, 1)}, states));
    CHECK_FALSE(areApplied({change(Add, 28'101)}, states));
    CHECK_FALSE(areApplied({change(Add, 5)}, states));
    CHECK_FALSE(areApplied({change(Drain, 28'100)}, states));
    auto moved = states;
    moved[0].port = 1;
    CHECK_FALSE(areApplied({change(Add, 28'100)}, moved));
}

TEST_CASE("runtime commands: states survive for servers that stay, at their own places",
          "[haproxy][runtime]") {
    auto a = app("/a", {10'000});
    a.instances = {instance("10.0.0.1", {28'100}), instance("10.0.0.1", {28'101})};
    const Config both = makeConfig(model({a}), options());
    CHECK(filterServerStates(kStates, both, both).find("28101") != std::string::npos);
    a.instances.pop_back();
    const Config one = makeConfig(model({a}), options());
    const std::string kept = filterServerStates(kStates, one, both);
    CHECK(kept.find("28100") != std::string::npos);
    CHECK(kept.find("28101") == std::string::npos);
    CHECK(filterServerStates("garbage", both, both) == "1\n");
    std::string elsewhere{kStates};
    elsewhere.replace(elsewhere.find("- 28100"), 7, "- 00001");
    CHECK(filterServerStates(elsewhere, both, both).find("28100") == std::string::npos);
}
