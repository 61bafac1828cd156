// SPDX-License-Identifier: MIT
// Tests of the command line of `mmsd status` and `mmsd explain`.
#include "common/percent_encoding.h"
#include "daemon/client/options.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <fstream>
#include <string>
#include <vector>

namespace mmsd::client {

namespace {

Options read(const std::vector<const char*>& arguments) {
    return readOptions(arguments);
}

} // namespace

TEST_CASE("client options: commands and flags", "[client]") {
    CHECK(read({"status"}).command == Command::Status);
    CHECK(read({"status"}).url.empty());
    CHECK(read({"status", "--json"}).wantsJson);
    CHECK(read({"status", "--url", "http://a:1//"}).url == "http://a:1");
    CHECK(read({"status", "--worker-dir=/x", "--config=/y"}).config == "/y");
    CHECK(read({"explain", "/a/b"}).appId == "/a/b");
    CHECK(read({"explain", "--url=http://a", "a/b"}).appId == "/a/b");
    CHECK(read({"explain", "--help"}).command == Command::Help);
    CHECK(read({"--help"}).command == Command::Help);
}

TEST_CASE("client options: mistakes are named", "[client]") {
    const auto message = [](const std::vector<const char*>& arguments) {
        try {
            static_cast<void>(read(arguments));
        } catch (const UsageError& error) {
            return std::string{error.what()};
        }
        return std::string{};
    };
    CHECK(message({}) == "expected status or explain");
    CHECK(message({"stat\x1bus"}) == "\"stat\\x1bus\": expected status or explain");
    CHECK(message({"status", "x"}) == "unexpected argument \"x\"");
    CHECK(message({"status", "--urlx=1"}) == "unexpected argument \"--urlx=1\"");
    CHECK(message({"status", "--url"}) == "--url: a value is missing");
    CHECK(message({"status", "--url="}) == "--url: the value is empty");
    CHECK(message({"explain"}) == "explain: which app?");
    CHECK(message({"explain", "/"}) == "explain: which app?");
    CHECK(message({"explain", "/a", "/b"}) == "unexpected argument \"/b\"");
}

TEST_CASE("client options: this node's API by its configuration", "[client]") {
    const test::TempDir folder;
    const std::string path = folder.path().string() + "/mmsd.conf";
    const auto url = [&path](const std::string& text) {
        std::ofstream{path} << text;
        return localUrl(path);
    };
    CHECK(url("") == "http://127.0.0.1:8082");
    CHECK(url("api-port = 9000\nbind-ip = 10.0.0.7\n") == "http://10.0.0.7:9000");
    CHECK(url("bind-ip = ::\n") == "http://[::1]:8082");
    CHECK(url("bind-ip = 0.0.0.0\n") == "http://127.0.0.1:8082");
    CHECK(url("this is no setting\n") == "http://127.0.0.1:8082");
    CHECK_THROWS_AS(localUrl(folder.path().string() + "/missing"), UsageError);
}

TEST_CASE("client options: names become paths", "[client]") {
    CHECK(percentEncodePath("/a/b-c.d") == "/a/b-c.d");
    CHECK(percentEncodePath("/a b?%#\xc3\xbc") == "/a%20b%3F%25%23%C3%BC");
}

} // namespace mmsd::client
