// SPDX-License-Identifier: MIT
// A large configuration in many files: the same text, written in parts, and who is to blame in it.
#include "common/file_io.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/haproxy/model_support.h"
#include "workers/haproxy-manager/check_output.h"
#include "workers/haproxy-manager/config_store.h"

#include <sys/stat.h>

#include <cstdlib>
#include <iterator>
#include <map>

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;

namespace {

constexpr std::size_t kMany = kMostPortsInOneFile + 70;

Config sample(std::size_t count) {
    std::vector<protocol::App> apps;
    for (std::size_t i = 0; i < count; ++i) {
        auto made = app("/app-" + std::to_string(i), {static_cast<std::uint16_t>(20'000 + i)});
        made.instances = {instance("10.0.0.1", {31'000})};
        apps.push_back(std::move(made));
    }
    return makeConfig(model(std::move(apps)), options());
}

/** With another server in the fragment. */
Config changed(const Config& config, std::size_t index) {
    Config made = config;
    auto servers = made.fragments[index]->servers;
    servers.push_back({servers[0].address, 31'001});
    made.fragments[index] = withServers(*made.fragments[index], std::move(servers));
    return made;
}

std::map<std::string, ino_t> inodes(const std::string& folder, std::size_t count) {
    std::map<std::string, ino_t> found;
    for (std::size_t i = 0; i < count; ++i) {
        struct stat status {};
        REQUIRE(::stat((folder + '/' + appFileName(i)).c_str(), &status) == 0);
        found.emplace(appFileName(i), status.st_ino);
    }
    return found;
}

std::string wholeText(const std::string& folder, std::size_t count) {
    std::string text = readFile(folder + "/haproxy.cfg", 1 << 22);
    for (std::size_t i = 0; i < count; ++i)
        text += readFile(folder + "/apps/" + appFileName(i), 1 << 22);
    return text;
}

} // namespace

TEST_CASE("config files: a small configuration is one file", "[haproxy][files]") {
    const Config config = sample(3);
    CHECK(appFileCount(kMostPortsInOneFile) == 0);
    CHECK(configFileText(config) == render(config).text);
    CHECK(fileArguments("/x", config) == std::vector<std::string>{"-f", "/x/haproxy.cfg"});
}

TEST_CASE("config files: names and numbers", "[haproxy][files]") {
    CHECK(appFileName(7) == "0007.cfg");
    CHECK(appFileNumber("0007.cfg") == 7);
    CHECK(appFileNumber(appFileName(appFileCount(65'535) - 1)) == 1023);
    for (const auto* const name : {"7.cfg", "0007.cfx", "00a7.cfg", ".cfg", "", "-007.cfg"})
        CHECK_FALSE(appFileNumber(name));
}

TEST_CASE("config files: a large one in parts is the same text, and reads back",
          "[haproxy][files]") {
    const mmsd::test::TempDir folder;
    const ConfigStore store{folder.path()};
    Config config = sample(kMany);
    config.tail = "# tail\n";
    store.write(3, config);
    const std::size_t count = appFileCount(kMany);
    CHECK(count == kMany / kPortsPerFile + 1);
    CHECK(wholeText(folder / "gen-3", count) == render(config).text);
    CHECK(readFile(folder / "gen-3/haproxy.cfg", 1 << 22) == config.base);
    CHECK(store.load(3).value() == config);
    CHECK(fileArguments("/x", config) == std::vector<std::string>{"-f", "/x/haproxy.cfg", "-f",
                                                                  "/x/apps", "-f",
                                                                  "/x/haproxy-tail.cfg"});
    store.removeFolder(3);
    CHECK(store.generations().empty());
    CHECK(::access((folder / "gen-3").c_str(), F_OK) != 0);
}

TEST_CASE("config files: a change writes the file that it is in and no other", "[haproxy][files]") {
    const mmsd::test::TempDir folder;
    const ConfigStore store{folder.path()};
    const Config config = sample(kMany);
    store.write(3, config);
    const std::size_t count = appFileCount(kMany);
    const auto before = inodes(folder / "gen-3/apps", count);
    const std::size_t index = GENERATE(std::size_t{0}, kPortsPerFile, kMany - 1);
    const Config after = changed(config, index);
    store.update(3, config, after);
    CHECK(wholeText(folder / "gen-3", count) == render(after).text);
    CHECK(store.load(3).value() == after);
    for (const auto& [name, inode] : inodes(folder / "gen-3/apps", count))
        CHECK((inode != before.at(name)) == (appFileNumber(name) == index / kPortsPerFile));
    // Equal, though another object, as after a take-over: nothing to write.
    const auto then = inodes(folder / "gen-3/apps", count);
    store.update(3, after, parseConfig(render(after).text));
    CHECK(inodes(folder / "gen-3/apps", count) == then);
}

TEST_CASE("config files: complaints about a part find their app port", "[haproxy][files]") {
    const Config config = sample(kMany);
    const RenderedConfig rendered = render(config);
    const std::size_t index = GENERATE(std::size_t{0}, std::size_t{1}, kPortsPerFile - 1,
                                       kPortsPerFile, 3 * kPortsPerFile + 5, kMany - 1);
    CAPTURE(index);
    const std::size_t number = index / kPortsPerFile;
    const std::size_t line =
        rendered.firstLines[index] - rendered.firstLines[number * kPortsPerFile] + 3;
    const Blame blame =
        readBlame("[ALERT]    (1) : config : parsing [/r/gen-1/apps/" + appFileName(number) + ":" +
                      std::to_string(line) + "] : unknown keyword\n",
                  config, rendered);
    REQUIRE(blame.proxies.size() == 1);
    CHECK(blame.proxies.begin()->first == config.fragments[index]->proxy);
    for (const auto* const place : {"/r/gen-1/apps/9999.cfg:1", "/r/gen-1/other/0000.cfg:1",
                                    "0000.cfg:1", "/r/apps/0000.cfg:x"})
        CHECK(readBlame("[ALERT]    (1) : config : parsing [" + std::string{place} + "] : no\n",
                        config, rendered)
                  .isEmpty());
}

TEST_CASE("config files: HAProxy takes the parts as one configuration", "[haproxy][files]") {
    const char* const named = std::getenv("MMSD_HAPROXY");
    const std::string binary = named != nullptr ? named : "/usr/sbin/haproxy";
    if (::access(binary.c_str(), X_OK) != 0)
        return;
    const mmsd::test::TempDir folder;
    const ConfigStore store{folder.path()};
    const Config config = sample(kMany);
    store.write(3, config);
    std::string command =
        "cd " + folder / "gen-3" + " && MMSD_SOCK=$PWD/sock " + binary + " -dW -c";
    for (const std::string& argument : fileArguments(folder / "gen-3", config))
        command += ' ' + argument;
    const int status = std::system((command + " >out 2>&1").c_str());
    CAPTURE(readFile(folder / "gen-3/out", 1 << 20));
    CHECK(status == 0);
}
