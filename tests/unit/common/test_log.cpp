// SPDX-License-Identifier: MIT
// Tests of log lines.
#include "common/log.h"
#include "common/text.h"
#include "tests/support/catch.h"
#include "tests/unit/common/child_process.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

using namespace std::chrono_literals;
using namespace std::string_literals;
using mmsd::formatLogLine;
using mmsd::LogConfig;
using mmsd::LogFormat;
using mmsd::LogLevel;

namespace {

constexpr auto kTime =
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + 11h + 14min + 50s + 123ms;

const std::string kPid = std::to_string(::getpid());

std::string line(const LogConfig& config, std::string_view message,
                 std::initializer_list<mmsd::LogField> fields = {}) {
    return formatLogLine(config, kTime, LogLevel::Info, message, fields);
}

const LogConfig kText{.program = "mmsd-watcher"};
const LogConfig kJournal{.program = "mmsd-watcher", .hasPriorityPrefix = true};
const LogConfig kJson{.program = "mmsd-watcher", .format = LogFormat::Json};

} // namespace

TEST_CASE("log: writes text with time, level, program and pid", "[common][log]") {
    CHECK(line(kText, "applied snapshot", {{"generation", 5}, {"text", "a b"}}) ==
          "2026-11-22T11:14:50.123Z info mmsd-watcher[" + kPid +
              "]: applied snapshot generation=5 text=\"a b\"\n");
}

TEST_CASE("log: leaves to the journal what the journal has", "[common][log]") {
    CHECK(line(kJournal, "applied", {{"generation", 5}}) == "<6>applied generation=5\n");
    const auto priority = [](LogLevel level) {
        return formatLogLine(kJournal, kTime, level, "m", {}).substr(0, 3);
    };
    CHECK(priority(LogLevel::Error) == "<3>");
    CHECK(priority(LogLevel::Warning) == "<4>");
    CHECK(priority(LogLevel::Debug) == "<7>");
}

TEST_CASE("log: quotes text values only where needed", "[common][log]") {
    CHECK(line(kJournal, "m",
               {{"plain", "a-b/c:1"},
                {"empty", ""},
                {"equals", "a=b"},
                {"quote", "a\"b"},
                {"lines", "a\nb"},
                {"utf8", "é"},
                {"bad", "\xff"}}) == "<6>m plain=a-b/c:1 empty=\"\" equals=\"a=b\" "
                                     "quote=\"a\\\"b\" lines=\"a\\nb\" utf8=é bad=\"\\xff\"\n");
}

TEST_CASE("log: takes every kind of value", "[common][log]") {
    CHECK(line(kJournal, "m",
               {{"yes", true},
                {"no", false},
                {"negative", -1},
                {"large", 18446744073709551615ULL},
                {"port", std::uint16_t{80}},
                {"octet", std::uint8_t{7}},
                {"took_ms", 1500ms},
                {"string", "s"s}}) == "<6>m yes=true no=false negative=-1 "
                                      "large=18446744073709551615 port=80 octet=7 took_ms=1500 "
                                      "string=s\n");
}

TEST_CASE("log: writes one JSON object per line", "[common][log]") {
    const std::string head = R"({"time":"2026-11-22T11:14:50.123Z","level":"info",)"
                             R"("program":"mmsd-watcher","pid":)" +
                             kPid;
    CHECK(line(kJson, "applied") == head + ",\"message\":\"applied\"}\n");
    CHECK(line(kJson, "m", {{"n", 5}, {"ok", true}, {"text", "a\n\"b\"\xff"}}) ==
          head + ",\"message\":\"m\",\"n\":5,\"ok\":true,\"text\":\"a\\n\\\"b\\\"\uFFFD\"}\n");
}

TEST_CASE("log: keeps foreign text on its line", "[common][log]") {
    for (const LogConfig& config : {kText, kJournal, kJson}) {
        const std::string text = line(config, "one\ntwo", {{"k", "x\n<3>forged\r\0\x1b[2J"s}});
        CHECK(text.find('\n') == text.size() - 1);
        CHECK(text.find_first_of("\r\x1b\0"s) == std::string::npos);
    }
}

TEST_CASE("log: bounds values and lines", "[common][log]") {
    const std::string longText(100'000, 'x');
    for (const LogConfig& config : {kText, kJournal, kJson}) {
        const std::string one = line(config, longText, {{"k", longText}, {"last", 1}});
        CHECK(one.size() < 2500);
        CHECK(one.find("…") != std::string::npos);
        CHECK(one.find("last") != std::string::npos);

        const std::string many = line(config, longText,
                                      {{"a", longText},
                                       {"b", longText},
                                       {"c", longText},
                                       {"d", longText},
                                       {"e", longText},
                                       {"f", longText},
                                       {"g", longText},
                                       {"last", longText}});
        CHECK(many.size() <= 8192);
        CHECK(many.find("last=") == std::string::npos);
        CHECK(many.find("truncated") != std::string::npos);
        CHECK(many.ends_with(config.format == LogFormat::Json ? "\"truncated\":true}\n"
                                                              : " truncated=true\n"));
        CHECK(mmsd::isValidUtf8(many));
    }
}

TEST_CASE("log: formats times before 1970 and with full milliseconds", "[common][log]") {
    const auto at = [](std::chrono::system_clock::time_point time) {
        return formatLogLine(kText, time, LogLevel::Info, "m", {}).substr(0, 24);
    };
    CHECK(at(std::chrono::system_clock::time_point{}) == "1970-01-01T00:00:00.000Z");
    CHECK(at(std::chrono::system_clock::time_point{-1ms}) == "1969-12-31T23:59:59.999Z");
    CHECK(at(std::chrono::sys_days{std::chrono::year{2028} / 2 / 29} + 86399s + 999'999us) ==
          "2028-02-29T23:59:59.999Z");
}

TEST_CASE("log: writes to stderr what the level lets through", "[common][log]") {
    const auto child = mmsd::test::runInChild([] {
        mmsd::configureLog(kJournal);
        mmsd::logDebug("hidden");
        mmsd::logInfo("shown", {{"n", 1}});
        mmsd::setLogLevel(LogLevel::Error);
        mmsd::logWarning("hidden");
        mmsd::logError("bad");
        mmsd::setLogLevel(LogLevel::Debug);
        mmsd::logDebug(mmsd::logLevel() == LogLevel::Debug ? "detail" : "wrong");
    });
    CHECK(child.hasExited(0));
    CHECK(child.errorText == "<6>shown n=1\n<3>bad\n<7>detail\n");
}

TEST_CASE("log: neither waits for a full pipe nor touches errno", "[common][log]") {
    const auto child = mmsd::test::runInChild([] {
        std::array<int, 2> ends{};
        // Blocking, as stderr is: nothing but the log may keep it from waiting.
        if (::pipe2(ends.data(), 0) != 0 || ::dup2(ends[1], STDERR_FILENO) < 0)
            mmsd::test::exitNow(1);
        errno = ENOTTY;
        for (int i = 0; i < 2000; ++i)
            mmsd::logInfo("filling", {{"text", std::string(500, 'x')}});
        if (errno != ENOTTY)
            mmsd::test::exitNow(2);
        ::close(STDERR_FILENO);
        mmsd::logInfo("nobody hears this");
        if (errno != ENOTTY)
            mmsd::test::exitNow(3);
    });
    CHECK(child.hasExited(0));
}

TEST_CASE("log: knows the journal by device and inode", "[common][log]") {
    const auto child = mmsd::test::runInChild([] {
        struct stat status {};
        if (::fstat(STDERR_FILENO, &status) != 0)
            mmsd::test::exitNow(1);
        const std::string own = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
        ::unsetenv("JOURNAL_STREAM");
        if (mmsd::isStderrJournal())
            mmsd::test::exitNow(2);
        ::setenv("JOURNAL_STREAM", own.c_str(), 1);
        if (!mmsd::isStderrJournal())
            mmsd::test::exitNow(3);
        for (const std::string& other : {own + "1", "1" + own, ""s, "garbage"s, own + " "}) {
            ::setenv("JOURNAL_STREAM", other.c_str(), 1);
            if (mmsd::isStderrJournal())
                mmsd::test::exitNow(4);
        }
    });
    CHECK(child.hasExited(0));
}
