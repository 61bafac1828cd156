// SPDX-License-Identifier: MIT
// Tests of the configuration file.
#include "protocol/settings.h"
#include "tests/support/catch.h"

#include <array>
#include <string>

namespace mmsd::protocol {

namespace {

Settings parse(std::string_view text) {
    Settings settings;
    settings.parseFile(text, "mmsd.conf");
    return settings;
}

/** The message of the ConfigurationError, or "" if there is none. */
std::string refusal(std::string_view text) {
    try {
        (void)parse(text);
        return "";
    } catch (const ConfigurationError& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("settings file: name = value lines, comments, blank lines", "[protocol][settings]") {
    const Settings settings = parse("# all of it\n"
                                    "\n"
                                    "api-port = 1234\n"
                                    "  dns-ttl=1m   # why not\r\n"
                                    "\t# indented\n"
                                    "enable-dns = true\n"
                                    "haproxy-after-cmd = logger a=b x#y\n"
                                    "run-as =\n"
                                    "filter-groups = a, b");
    CHECK(settings.port("api-port") == 1234);
    CHECK(settings.duration("dns-ttl") == std::chrono::minutes{1});
    CHECK(settings.flag("enable-dns"));
    CHECK(settings.text("haproxy-after-cmd") == "logger a=b x#y");
    CHECK(settings.text("run-as").empty());
    CHECK(settings.list("filter-groups") == std::vector<std::string>{"a", "b"});
    CHECK(settings.isSet("run-as"));
    CHECK_FALSE(settings.isSet("bind-ip"));
    CHECK(refusal("") == "");
    CHECK(refusal("#") == "");
}

TEST_CASE("settings file: errors name file and line", "[protocol][settings]") {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"\napi-port = x", "mmsd.conf:2: api-port: \"x\" is not a port (1 to 65535)"},
        {"api-port", "mmsd.conf:1: expected name = value"},
        {"# a\n\n--api-port = 1", "mmsd.conf:3: unknown setting \"--api-port\""},
        {"= 1", "mmsd.conf:1: unknown setting \"\""},
        {"nonsense = 1\n", "mmsd.conf:1: unknown setting \"nonsense\""},
        {"enable-dns = yes", "mmsd.conf:1: enable-dns: \"yes\" is not true or false"},
        {"enable-dns =", "mmsd.conf:1: enable-dns: \"\" is not true or false"},
        {"worker-dir = x/y", "mmsd.conf:1: worker-dir: \"x/y\" is not an absolute path"},
        {"run-as = a\x01",
         "mmsd.conf:1: run-as: \"a\\x01\" is not text without control characters"},
        {"api-port = 1\napi-port = 1", "mmsd.conf:2: api-port is set a second time"},
        {"marathon-ip = a\nmarathon-host = b", "mmsd.conf:2: marathon-host is set a second time"},
    };
    for (const auto& [text, message] : cases)
        CHECK(refusal(text) == message);
    for (const char* name :
         {"config", "check-config", "help", "version", "foreground", "snapshot"}) {
        const std::string line = std::string{name} + " = true";
        CHECK(refusal(line) ==
              "mmsd.conf:1: " + std::string{name} + " is for the command line only");
    }
}

TEST_CASE("settings file: the command line wins, whichever is read first", "[protocol][settings]") {
    const std::array argv{"mmsd", "--api-port=1", "--marathon-host=cli", "--enable-dns=false"};
    const std::string file = "api-port = 2\nmarathon-ip = file\nenable-dns = true\ndns-port = 3";
    Settings before;
    before.parseCommandLine(argv.size(), argv.data(), kForSupervisor);
    before.parseFile(file, "f");
    Settings after;
    after.parseFile(file, "f");
    after.parseCommandLine(argv.size(), argv.data(), kForSupervisor);
    for (const Settings& settings : {before, after}) {
        CHECK(settings.port("api-port") == 1);
        CHECK(settings.text("marathon-ip") == "cli");
        CHECK_FALSE(settings.flag("enable-dns"));
        CHECK(settings.port("dns-port") == 3);
    }
}

TEST_CASE("settings file: a value that the command line overrides is still checked",
          "[protocol][settings]") {
    const std::array argv{"mmsd", "--api-port=1"};
    Settings settings;
    settings.parseCommandLine(argv.size(), argv.data(), kForSupervisor);
    CHECK_THROWS_AS(settings.parseFile("api-port = x", "f"), ConfigurationError);
}

TEST_CASE("settings file: toText can be read back", "[protocol][settings]") {
    const Settings settings = parse("api-port = 77\nmarathon-host = a:1\nlog-format = json");
    const Settings again = parse(settings.toText());
    CHECK(again.toText() == settings.toText());
    CHECK(again.port("api-port") == 77);
    CHECK(settings.toText().find("api-port = 77\n") != std::string::npos);
    CHECK(settings.toText().find("config") == std::string::npos);
    CHECK(settings.toText().find("marathon-host") == std::string::npos);
}

TEST_CASE("settings file: a value that begins with # is written so that it is one again",
          "[protocol][settings]") {
    const Settings settings = parse("filter-groups =#\n");
    CHECK(settings.text("filter-groups") == "#");
    CHECK(parse(settings.toText()).text("filter-groups") == "#");
}

} // namespace mmsd::protocol
