// SPDX-License-Identifier: MIT
// Tests of the masters' URLs and of paths below them.
#include "daemon/marathon/master_list.h"
#include "tests/support/catch.h"

namespace mmsd::marathon {

namespace {

std::vector<std::string> mastersOf(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "watcher");
    protocol::Settings settings;
    settings.parseCommandLine(static_cast<int>(arguments.size()), arguments.data(),
                              protocol::kForWatcher);
    std::vector<std::string> texts;
    for (const Url& url : configuredMasters(settings))
        texts.push_back(url.toString());
    return texts;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("master_list: parses URLs", "[marathon][masters]") {
    const auto url = parseUrl("HTTPS://Master.Example:8443/service/marathon?x=1");
    REQUIRE(url);
    CHECK(url->origin == Origin{true, "master.example", 8443});
    CHECK(url->path == "/service/marathon?x=1");
    CHECK(url->toString() == "https://master.example:8443/service/marathon?x=1");
    CHECK(parseUrl("http://m")->toString() == "http://m:80");
    CHECK(parseUrl("https://m/")->toString() == "https://m:443/");
    CHECK(parseUrl("http://[FD00::1]:8080/x")->toString() == "http://[fd00::1]:8080/x");
    CHECK(parseUrl("http://m?x")->toString() == "http://m:80/?x");
}

TEST_CASE("master_list: refuses what is no plain URL", "[marathon][masters]") {
    const auto* const text =
        GENERATE("", "m:8080", "ftp://m/", "http://", "http:///x", "http://user:pw@m/",
                 "http://m:0/", "http://m:99999/", "http://m:/", "http://m:8080x/", "http://m/#f",
                 "http://m /", "http://m/\n", "http://[::1/", "http://[m]/", "//m/");
    CAPTURE(text);
    CHECK_FALSE(parseUrl(text));
}

TEST_CASE("master_list: takes masters from the settings", "[marathon][masters]") {
    CHECK(mastersOf({}) == Texts{"http://127.0.0.1:8080"});
    CHECK(mastersOf({"--marathon-ip=10.0.0.1,10.0.0.2:9090", "--marathon-port=8081"}) ==
          Texts{"http://10.0.0.1:8081", "http://10.0.0.2:9090"});
    CHECK(mastersOf({"--marathon-host=Alpha,[fd00::1]:80,fd00::2"}) ==
          Texts{"http://alpha:8080", "http://[fd00::1]:80", "http://[fd00::2]:8080"});
    CHECK(mastersOf({"--marathon-url=https://a/service/marathon/,http://b:8080"}) ==
          Texts{"https://a:443/service/marathon", "http://b:8080"});
    CHECK_THROWS_AS(mastersOf({"--marathon-url=http://user:secret@a/"}), protocol::UsageError);
    CHECK_THROWS_AS(mastersOf({"--marathon-url=http://a/?x=1"}), protocol::UsageError);
}

TEST_CASE("master_list: encodes each segment of an app's path", "[marathon][masters]") {
    CHECK(encodeAppPath("/a/b-c.d_e~") == "/a/b-c.d_e~");
    CHECK(encodeAppPath("/a?b/c#d%/\xC3\xBC&+") == "/a%3Fb/c%23d%25/%C3%BC%26%2B");
    CHECK(encodeAppPath("x") == "/x");
}

TEST_CASE("master_list: goes round", "[marathon][masters]") {
    MasterList list{{*parseUrl("http://a:1"), *parseUrl("http://b:2/x")}};
    CHECK(list.current().toString() == "http://a:1");
    list.advance();
    CHECK(list.current().toString() == "http://b:2/x");
    list.advance();
    CHECK(list.current().toString() == "http://a:1");
    CHECK(list.isConfigured({false, "b", 2}));
    CHECK_FALSE(list.isConfigured({true, "b", 2}));
    CHECK_FALSE(list.isConfigured({false, "b", 1}));
}

} // namespace mmsd::marathon
