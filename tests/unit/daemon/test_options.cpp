// SPDX-License-Identifier: MIT
// Command line over file, default file only if it is there, errors of the right kind.
#include "common/file_io.h"
#include "daemon/options.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <string>
#include <vector>

namespace mmsd::supervisor {

namespace {

Options read(const std::vector<std::string>& flags) {
    std::vector<const char*> argv{"mmsd"};
    for (const std::string& flag : flags)
        argv.push_back(flag.c_str());
    return readOptions(argv);
}

/** A folder with a configuration file. */
struct ConfigFile {
    explicit ConfigFile(std::string_view content) {
        replaceFileAt(folder.fd(), "mmsd.conf", content, 0644);
    }
    [[nodiscard]] std::string flag() const { return "--config=" + (folder / "mmsd.conf"); }
    test::TempDir folder;
};

} // namespace

TEST_CASE("options: the command line wins over the file", "[daemon]") {
    const ConfigFile file{"api-port = 1111\nresync-interval = 45s\n"};
    const Options options = read({file.flag(), "--api-port=2222"});
    CHECK(options.action == Action::Run);
    CHECK(options.settings.port("api-port") == 2222);
    CHECK(options.settings.text("resync-interval") == "45s");
}

TEST_CASE("options: the default file need not be there", "[daemon]") {
    // The build's default is below the prefix of a test build, or the machine's own: not read
    // twice.
    CHECK(read({"--api-port=2222"}).settings.port("api-port") == 2222);
}

TEST_CASE("options: a file that is named must be readable", "[daemon]") {
    const test::TempDir folder;
    const std::string flag = "--config=" + (folder / "none");
    CHECK_THROWS_AS(read({flag}), protocol::ConfigurationError);
    CHECK_THROWS_WITH(read({flag}), test::containsText(folder / "none"));
    CHECK_THROWS_AS(read({"--config=" + folder.path().string()}), protocol::ConfigurationError);
    // An endless one is cut.
    CHECK_THROWS_AS(read({"--config=/dev/zero"}), protocol::ConfigurationError);
}

TEST_CASE("options: an error in the file names the line", "[daemon]") {
    const ConfigFile file{"# fine\napi-port = x\n"};
    CHECK_THROWS_AS(read({file.flag()}), protocol::ConfigurationError);
    CHECK_THROWS_WITH(read({file.flag()}), test::containsText("mmsd.conf:2"));
}

TEST_CASE("options: with --check-config every error is one of usage", "[daemon]") {
    const ConfigFile good{"api-port = 1111\n"};
    CHECK(read({good.flag(), "--check-config"}).action == Action::CheckConfig);
    const ConfigFile bad{"api-port = x\n"};
    CHECK_THROWS_AS(read({bad.flag(), "--check-config"}), protocol::UsageError);
}

TEST_CASE("options: help and version need no good file", "[daemon]") {
    const ConfigFile bad{"rubbish\n"};
    CHECK(read({bad.flag(), "--help"}).action == Action::PrintHelp);
    CHECK(read({bad.flag(), "-V"}).action == Action::PrintVersion);
    CHECK_THROWS_AS(read({bad.flag(), "--help", "--no-such-flag"}), protocol::UsageError);
}

TEST_CASE("options: flags of single workers are not ours", "[daemon]") {
    CHECK_THROWS_AS(read({"--foreground"}), protocol::UsageError);
    CHECK_THROWS_AS(read({"--snapshot=/x"}), protocol::UsageError);
}

TEST_CASE("options: log configuration", "[daemon]") {
    const ConfigFile none{""};
    CHECK(logConfig(read({none.flag()}).settings).level == LogLevel::Info);
    CHECK(logConfig(read({none.flag()}).settings).format == LogFormat::Text);
    CHECK(logConfig(read({none.flag(), "-v"}).settings).level == LogLevel::Debug);
    const Options json = read({none.flag(), "--log-format=json", "--log-level=error"});
    CHECK(logConfig(json.settings).format == LogFormat::Json);
    CHECK(logConfig(json.settings).level == LogLevel::Error);
}

TEST_CASE("options: two listeners of our own on one port are refused", "[daemon]") {
    CHECK_THROWS_AS(read({"--api-port=8081"}), protocol::UsageError);
    CHECK_THROWS_WITH(read({"--api-port=8081"}), test::containsText("--haproxy-port: 8081"));
    CHECK_NOTHROW(read({"--api-port=8081", "--enable-tcp=false"}));
    CHECK_NOTHROW(read({"--api-port=8081", "--bind-ip=10.0.0.1"}));
    CHECK_THROWS_AS(read({"--enable-gateway", "--gateway-port-http=443"}), protocol::UsageError);
    CHECK_THROWS_AS(read({"--enable-dns", "--dns-port=8082"}), protocol::UsageError);
    CHECK_NOTHROW(read({"--dns-port=8082"}));
}

} // namespace mmsd::supervisor
