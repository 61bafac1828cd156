// SPDX-License-Identifier: MIT
// The pure rules about the end of a process.
#include "daemon/launcher.h"
#include "daemon/worker_process.h"
#include "tests/support/catch.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace mmsd::supervisor {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("restart delay: the first crash at once, then 1 s doubling to 30 s", "[daemon]") {
    const Timing timing;
    Backoff backoff{timing.backoff};
    const ProcessEnd crash{.text = {}, .uptime = seconds{5}};
    for (const int expected : {0, 1, 2, 4, 8, 16, 30, 30})
        CHECK(restartDelay(crash, timing, backoff) == seconds{expected});
}

TEST_CASE("restart delay: a minute of good running forgives", "[daemon]") {
    const Timing timing;
    Backoff backoff{timing.backoff};
    const ProcessEnd crash{.text = {}, .uptime = seconds{5}};
    for (int i = 0; i < 4; ++i)
        (void)restartDelay(crash, timing, backoff);
    CHECK(restartDelay({.text = {}, .uptime = seconds{60}}, timing, backoff) == milliseconds{0});
    CHECK(restartDelay(crash, timing, backoff) == seconds{1});
}

TEST_CASE("restart delay: an operator's stop never waits, and is no failure", "[daemon]") {
    const Timing timing;
    Backoff backoff{timing.backoff};
    const ProcessEnd clean{.text = {}, .isClean = true, .uptime = seconds{1}};
    for (int i = 0; i < 5; ++i)
        CHECK(restartDelay(clean, timing, backoff) == milliseconds{0});
    CHECK(restartDelay({.text = {}, .uptime = seconds{1}}, timing, backoff) == milliseconds{0});
    CHECK(restartDelay(clean, timing, backoff) == milliseconds{0});
    CHECK(restartDelay({.text = {}, .uptime = seconds{1}}, timing, backoff) == seconds{1});
}

TEST_CASE("restart delay: who ends well without ever being ready must not spin", "[daemon]") {
    const Timing timing;
    Backoff backoff{timing.backoff};
    const ProcessEnd early{.text = {}, .isClean = true};
    CHECK(restartDelay(early, timing, backoff) == milliseconds{0});
    CHECK(restartDelay(early, timing, backoff) == seconds{1});
}

TEST_CASE("timing: workers and then the watcher end within the 10 s of a stop", "[daemon]") {
    const Timing timing;
    CHECK(timing.workerGrace + timing.sourceGrace < seconds{10});
}

TEST_CASE("end of a process in words", "[daemon]") {
    CHECK(describeEnd(CLD_EXITED, 71) == "exited with status 71");
    CHECK(describeEnd(CLD_KILLED, SIGKILL) == "killed by signal 9 (Killed)");
    CHECK(describeEnd(CLD_DUMPED, SIGSEGV) == "killed by signal 11 (Segmentation fault)");
    CHECK(describeEnd(CLD_KILLED, 12345) == "killed by signal 12345 (?)");
}

TEST_CASE("launch failure in words", "[daemon]") {
    CHECK(LaunchFailure{LaunchStep::Execute, DropStep::None, ENOENT}.toString() ==
          "cannot execute: No such file or directory");
    CHECK(LaunchFailure{LaunchStep::Privileges, DropStep::VerifyGroups, 0}.toString() ==
          "cannot drop privileges: verify that no groups are left: the state is not the wanted "
          "one");
}

TEST_CASE("child environment: a few variables, and always a path", "[daemon]") {
    ::setenv("LD_PRELOAD_OF_TEST", "x", 1);
    ::setenv("TZ", "Europe/Berlin", 1);
    ::setenv("JOURNAL_STREAM", "8:123", 1);
    const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
    ::setenv("PATH", "/opt/bin", 1);
    auto environment = childEnvironment();
    const auto has = [&](std::string_view entry) {
        return std::ranges::count(environment, entry) == 1;
    };
    CHECK(has("TZ=Europe/Berlin"));
    CHECK(has("JOURNAL_STREAM=8:123"));
    CHECK(has("PATH=/opt/bin"));
    for (const std::string& entry : environment)
        CHECK_FALSE(entry.starts_with("LD_"));

    ::unsetenv("TZ");
    ::unsetenv("JOURNAL_STREAM");
    ::unsetenv("PATH");
    environment = childEnvironment();
    CHECK(environment.front().starts_with("PATH=/usr/local/sbin:"));
    CHECK(environment.size() <= 2);
    ::setenv("PATH", path.c_str(), 1);
    ::unsetenv("LD_PRELOAD_OF_TEST");
}

} // namespace mmsd::supervisor
