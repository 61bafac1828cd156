// SPDX-License-Identifier: MIT
// Tests of the settings table, its types and the command line.
#include "protocol/settings.h"
#include "tests/support/catch.h"

#include "build_config.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <string>

namespace mmsd::protocol {

namespace {

Settings parse(const std::vector<std::string>& arguments, std::uint8_t mask = kForSupervisor) {
    std::vector<const char*> argv{"mmsd"};
    for (const std::string& argument : arguments)
        argv.push_back(argument.c_str());
    Settings settings;
    settings.parseCommandLine(static_cast<int>(argv.size()), argv.data(), mask);
    return settings;
}

/** The message of the UsageError, or "" if there is none. */
std::string refusal(const std::vector<std::string>& arguments, std::uint8_t mask = kForSupervisor) {
    try {
        (void)parse(arguments, mask);
        return "";
    } catch (const UsageError& error) {
        return error.what();
    }
}

} // namespace

TEST_CASE("settings: the defaults are those of the contract", "[protocol][settings]") {
    const std::vector<std::pair<const char*, const char*>> contract{
        {"api-port", "8082"},
        {"bind-ip", "0.0.0.0"},
        {"dns-basename", "mmsd."},
        {"dns-port", "53"},
        {"dns-processes", "1"},
        {"dns-push-srv", "false"},
        {"dns-ttl", "5s"},
        {"enable-dns", "false"},
        {"enable-files", "true"},
        {"enable-gateway", "false"},
        {"enable-health-checks", "true"},
        {"enable-tcp", "true"},
        {"enable-udp", "true"},
        {"filter-groups", "*"},
        {"gateway-bind", "0.0.0.0"},
        {"gateway-port-http", "80"},
        {"gateway-port-https", "443"},
        {"haproxy-after-cmd", ""},
        {"haproxy-before-cmd", ""},
        {"haproxy-bin", ""},
        {"haproxy-cfgtail", MMSD_CONFIG_DIR "/haproxy-tail.cfg"},
        {"haproxy-enable-reuse-socket", "true"},
        {"haproxy-port", "8081"},
        {"haproxy-reload-interval", "5s"},
        {"haproxy-syslog-facility", "local5"},
        {"haproxy-stats-bind", "127.0.0.1"},
        {"marathon-ip", "127.0.0.1"},
        {"marathon-port", "8080"},
        {"marathon-url", ""},
        {"marathon-auth-file", ""},
        {"marathon-ca-file", ""},
        {"marathon-cert-file", ""},
        {"marathon-key-file", ""},
        {"marathon-file", ""},
        {"reconnect-delay", "4s"},
        {"resync-interval", "60s"},
        {"stall-timeout", "30s"},
        {"run-state-dir", MMSD_RUN_STATE_DIR},
        {"run-as", ""},
        {"worker-dir", MMSD_LIBEXEC_DIR},
        {"config", MMSD_CONFIG_DIR "/mmsd.conf"},
        {"check-config", "false"},
        {"log-level", "info"},
        {"log-format", "text"},
        {"verbose", "false"},
        {"version", "false"},
        {"help", "false"},
        {"foreground", "false"},
        {"snapshot", ""},
    };
    const Settings settings;
    for (const auto& [name, value] : contract) {
        INFO(name);
        CHECK(settings.text(name) == value);
        CHECK_FALSE(settings.isSet(name));
    }
    // marathon-host is the one that has no value of its own.
    CHECK(settingsTable().size() == contract.size() + 1);
}

TEST_CASE("settings: every row is well formed", "[protocol][settings]") {
    std::set<std::string> names;
    std::set<char> letters;
    for (const Setting& row : settingsTable()) {
        INFO(row.name);
        CHECK(names.insert(row.name).second);
        CHECK(findSetting(row.name) == &row);
        if (row.shortName != 0)
            CHECK(letters.insert(row.shortName).second);
        CHECK((std::string{row.placeholder}.empty()) == (row.type == SettingType::Bool));
        CHECK_FALSE(std::string{row.help}.empty());
        const bool isWorkersOnly =
            row.name == std::string{"foreground"} || row.name == std::string{"snapshot"};
        CHECK(((row.processes & kForSupervisor) == 0) == isWorkersOnly);
        // The default passes its own check.
        if (row.synonymOf == nullptr)
            CHECK(refusal({"--" + std::string{row.name} + "=" + row.defaultValue}, kForAll) == "");
        else
            CHECK(findSetting(row.synonymOf) != nullptr);
    }
    CHECK(findSetting("nonsense") == nullptr);
}

TEST_CASE("settings: takes --name=value and --name value", "[protocol][settings]") {
    const Settings settings = parse({"--api-port=1234", "--dns-ttl", "1m30s", "--bind-ip", "::1",
                                     "--filter-groups=a, b,,c", "--dns-basename=x.y"});
    CHECK(settings.port("api-port") == 1234);
    CHECK(settings.duration("dns-ttl") == std::chrono::seconds{90});
    CHECK(settings.address("bind-ip").toString() == "::1");
    CHECK(settings.list("filter-groups") == std::vector<std::string>{"a", "b", "c"});
    CHECK(settings.isSet("api-port"));
    CHECK_FALSE(settings.isSet("dns-port"));
}

TEST_CASE("settings: takes the three spellings of a boolean", "[protocol][settings]") {
    CHECK(parse({"--enable-dns"}).flag("enable-dns"));
    CHECK(parse({"--enable-dns=true"}).flag("enable-dns"));
    CHECK_FALSE(parse({"--enable-files=false"}).flag("enable-files"));
    CHECK(parse({"--enable-dns", "--enable-files"}).flag("enable-dns"));
    CHECK(refusal({"--enable-dns=yes"}) == "--enable-dns: \"yes\" is not true or false");
    CHECK(refusal({"--enable-dns="}) == "--enable-dns: \"\" is not true or false");
    CHECK(refusal({"--enable-dns", "false"}) ==
          "stray argument \"false\": only flags are expected");
}

TEST_CASE("settings: takes short flags, alone and together", "[protocol][settings]") {
    CHECK(parse({"-v"}).flag("verbose"));
    CHECK(parse({"-V"}).flag("version"));
    CHECK(parse({"-h"}).flag("help"));
    const Settings both = parse({"-vV"});
    CHECK(both.flag("verbose"));
    CHECK(both.flag("version"));
    CHECK_FALSE(both.flag("help"));
    CHECK(refusal({"-x"}) == "unknown flag -x");
}

TEST_CASE("settings: the last of several wins", "[protocol][settings]") {
    CHECK(parse({"--api-port=1", "--api-port=2"}).port("api-port") == 2);
    CHECK(parse({"--dns-processes=1", "--dns-processes=16"}).number("dns-processes") == 16);
}

TEST_CASE("settings: an error names flag, value and what was expected", "[protocol][settings]") {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"--api-port=99999", "--api-port: \"99999\" is not a port (1 to 65535)"},
        {"--dns-processes=0", "--dns-processes: \"0\" is not a number from 1 to 16"},
        {"--dns-processes=17", "--dns-processes: \"17\" is not a number from 1 to 16"},
        {"--dns-processes=65537", "--dns-processes: \"65537\" is not a number from 1 to 16"},
        {"--dns-processes=two", "--dns-processes: \"two\" is not a number from 1 to 16"},
        {"--api-port=0", "--api-port: \"0\" is not a port (1 to 65535)"},
        {"--api-port=-1", "--api-port: \"-1\" is not a port (1 to 65535)"},
        {"--api-port=80 ", "--api-port: \"80 \" is not a port (1 to 65535)"},
        {"--api-port=", "--api-port: \"\" is not a port (1 to 65535)"},
        {"--api-port=a\nb", "--api-port: \"a\\nb\" is not a port (1 to 65535)"},
        {"--bind-ip=localhost", "--bind-ip: \"localhost\" is not an IP address"},
        {"--bind-ip=", "--bind-ip: \"\" is not an IP address"},
        {"--dns-ttl=5", "--dns-ttl: \"5\" is not a duration like 300ms, 5s or 1m30s, at least 0s"},
        {"--stall-timeout=999ms",
         "--stall-timeout: \"999ms\" is not a duration like 300ms, 5s or 1m30s, at least 1s"},
        {"--resync-interval=0s",
         "--resync-interval: \"0s\" is not a duration like 300ms, 5s or 1m30s, at least 1s"},
        {"--reconnect-delay=0",
         "--reconnect-delay: \"0\" is not a duration like 300ms, 5s or 1m30s, at least 1ms"},
        {"--log-format=xml", "--log-format: \"xml\" is not one of text|json"},
        {"--log-level=", "--log-level: \"\" is not one of error|warning|info|debug"},
        {"--marathon-ip=", "--marathon-ip: \"\" is not a list of HOST or HOST:PORT"},
        {"--marathon-ip=a b", "--marathon-ip: \"a b\" is not a list of HOST or HOST:PORT"},
        {"--marathon-url=ftp://x",
         "--marathon-url: \"ftp://x\" is not a list of http:// or https:// URLs"},
        {"--dns-basename=a..b", "--dns-basename: \"a..b\" is not a domain name"},
        {"--run-as=a\tb", "--run-as: \"a\\tb\" is not text without control characters"},
        {"--nonsense=1", "unknown flag --nonsense"},
        {"--nonsense", "unknown flag --nonsense"},
        {"--api.port=1", "unknown flag --api.port"},
        {"-v=true", "unknown flag -v"},
        {"stray", "stray argument \"stray\": only flags are expected"},
        {"", "stray argument \"\": only flags are expected"},
        {"-", "stray argument \"-\": only flags are expected"},
        {"--api-port", "--api-port needs a value"},
    };
    for (const auto& [argument, message] : cases)
        CHECK(refusal({argument}) == message);
    CHECK(refusal({"--", "x"}) == "stray argument \"x\": only flags are expected");
    CHECK(refusal({"--haproxy-reload-interval=0s"}) == "");
    CHECK(refusal({"--dns-ttl=0s"}) == "");
}

TEST_CASE("settings: hosts", "[protocol][settings]") {
    for (const char* good : {"a", "master.mesos", "a,b:8080", "10.0.0.1", "10.0.0.1:80", "::1",
                             "[::1]", "[::1]:8080", "a_b-c.d:65535", "a, b"})
        CHECK(refusal({"--marathon-ip=" + std::string{good}}) == "");
    for (const char* bad : {",", ":80", "a:", "a:0", "a:65536", "a:b", "a:1:2", "[::1", "[::1]80",
                            "[::1]:", "[a]:80", "http://a", "a/b", "ü"})
        CHECK(refusal({"--marathon-ip=" + std::string{bad}}) != "");
}

TEST_CASE("settings: URLs", "[protocol][settings]") {
    for (const char* good : {"http://a", "https://a:8443/prefix", "HTTP://a", "http://a,https://b"})
        CHECK(refusal({"--marathon-url=" + std::string{good}}) == "");
    for (const char* bad : {"a", "http://", "https://", "http:/a", "http://a,b"})
        CHECK(refusal({"--marathon-url=" + std::string{bad}}) != "");
}

TEST_CASE("settings: domains", "[protocol][settings]") {
    for (const char* good : {"mmsd.", "mmsd", "a.b.c", "a-b._tcp.d."})
        CHECK(refusal({"--dns-basename=" + std::string{good}}) == "");
    for (const std::string& bad :
         {std::string{}, std::string{"."}, std::string{".a"}, std::string{"a.."},
          std::string{"a b"}, std::string(64, 'a'), "a." + std::string(64, 'b')})
        CHECK(refusal({"--dns-basename=" + bad}) != "");
}

TEST_CASE("settings: marathon-host is a synonym of marathon-ip", "[protocol][settings]") {
    const Settings settings = parse({"--marathon-host=a,b"});
    CHECK(settings.list("marathon-ip") == std::vector<std::string>{"a", "b"});
    CHECK(settings.text("marathon-host") == "a,b");
    CHECK(settings.isSet("marathon-ip"));
    CHECK(refusal({"--marathon-host=a", "--marathon-ip=b"}) ==
          "--marathon-ip and --marathon-host are synonyms: give one of them");
    CHECK(refusal({"--marathon-host=a", "--marathon-host=b"}) == "");
}

TEST_CASE("settings: a relative path is completed on the command line", "[protocol][settings]") {
    const std::unique_ptr<char, decltype(&std::free)> folder{::getcwd(nullptr, 0), &std::free};
    const Settings settings = parse({"--marathon-file=apps.json", "--worker-dir=/x"});
    CHECK(settings.text("marathon-file") == std::string{folder.get()} + "/apps.json");
    CHECK(settings.text("worker-dir") == "/x");
    CHECK(parse({"--marathon-file="}).text("marathon-file").empty());
}

TEST_CASE("settings: a process knows its own rows only", "[protocol][settings]") {
    CHECK(refusal({"--run-state-dir=/x"}, kForConfd) == "");
    CHECK(refusal({"--api-port=1"}, kForConfd) == "unknown flag --api-port");
    CHECK(refusal({"--foreground", "--snapshot=/x"}, kForConfd) == "");
    CHECK(refusal({"--foreground"}, kForSupervisor) == "unknown flag --foreground");
    CHECK(refusal({"--snapshot=/x"}, kForSupervisor) == "unknown flag --snapshot");
}

TEST_CASE("settings: the effective log level", "[protocol][settings]") {
    CHECK(parse({}).logLevel() == LogLevel::Info);
    CHECK(parse({"--log-level=error"}).logLevel() == LogLevel::Error);
    CHECK(parse({"--log-level=warning"}).logLevel() == LogLevel::Warning);
    CHECK(parse({"--log-level=debug"}).logLevel() == LogLevel::Debug);
    CHECK(parse({"-v", "--log-level=error"}).logLevel() == LogLevel::Debug);
}

TEST_CASE("settings: an unknown name is the caller's mistake", "[protocol][settings]") {
    CHECK_THROWS_AS(Settings{}.text("nonsense"), std::logic_error);
    CHECK_NOTHROW(parse({}, kForConfd).text("run-state-dir"));
    CHECK_THROWS_AS(parse({}, kForConfd).text("api-port"), std::logic_error);
}

TEST_CASE("settings: a worker is started with what its supervisor has", "[protocol][settings]") {
    const Settings settings =
        parse({"--run-state-dir=/tmp/a b", "--marathon-host=a,b:1", "--filter-groups=", "-v",
               "--haproxy-before-cmd=echo \"x\" # y", "--dns-ttl=0", "--enable-files=false"});
    for (const std::uint8_t mask :
         {kForWatcher, kForHaproxy, kForConfd, kForDns, kForApi, kForUdp}) {
        const auto arguments = settings.argumentsFor(mask);
        CHECK_FALSE(arguments.empty());
        const Settings worker = parse(arguments, mask);
        for (const Setting& row : settingsTable()) {
            if ((row.processes & mask) == 0 || row.isCommandLineOnly)
                continue;
            INFO(row.name);
            CHECK(worker.text(row.name) == settings.text(row.name));
        }
        CHECK(worker.argumentsFor(mask) == arguments);
        for (const std::string& argument : arguments)
            for (const char* name : {"--help", "--version", "--config", "--check-config",
                                     "--foreground", "--snapshot", "--marathon-host"})
                CHECK_FALSE(argument.starts_with(std::string{name} + "="));
    }
    CHECK(settings.argumentsFor(kForConfd).size() == 5);
}

TEST_CASE("settings: help names every row of the process", "[protocol][settings]") {
    const std::string text = helpText("mmsd", "Service discovery for Marathon.", kForSupervisor);
    CHECK(text.starts_with("Usage: mmsd [flags]\nService discovery for Marathon.\n\n"));
    for (const Setting& row : settingsTable())
        CHECK((text.find("--" + std::string{row.name}) != std::string::npos) ==
              ((row.processes & kForSupervisor) != 0));
    CHECK(text.find("  -v, --verbose                   debug log\n") != std::string::npos);
    CHECK(text.find("      --api-port=PORT             HTTP API and metrics (default: 8082)\n") !=
          std::string::npos);
}

} // namespace mmsd::protocol
