// SPDX-License-Identifier: MIT
// Running programs with output and time limit.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/task_support.h"
#include "workers/haproxy-manager/child_process.h"

using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;
using namespace std::chrono_literals;
using mmsd::test::containsText;

namespace {

CommandResult runShell(const std::string& script, std::chrono::milliseconds limit = 10s) {
    TaskRunner runner;
    SpawnRequest request;
    request.arguments = {"/bin/sh", "-c", script};
    request.environment = {"NAME=value"};
    return runner.run(runCommand(runner.reactor(), std::move(request), limit));
}

} // namespace

TEST_CASE("child process: gives output and exit status", "[haproxy][child]") {
    const CommandResult good = runShell("echo out; echo err >&2; pwd; echo $NAME");
    CHECK(good.isSuccess);
    CHECK(good.output == "out\nerr\n/\nvalue\n");
    const CommandResult bad = runShell("exit 3");
    CHECK_FALSE(bad.isSuccess);
    CHECK(bad.how == "exit status 3");
    CHECK(runShell("kill -9 $$").how == "signal 9");
}

TEST_CASE("child process: more output than a pipe holds is read", "[haproxy][child]") {
    const CommandResult result = runShell("yes | head -c 200000");
    CHECK(result.isSuccess);
    CHECK(result.output.size() == 200'000);
}

TEST_CASE("child process: has nothing of ours but its output", "[haproxy][child]") {
    CHECK(runShell("exec ls /proc/self/fd").output ==
          "0\n1\n2\n3\n"); // 3 is the folder that ls reads
    CHECK(runShell("read x || echo empty").output == "empty\n");
}

TEST_CASE("child process: a program that takes too long is killed with its children",
          "[haproxy][child]") {
    const CommandResult result = runShell("sleep 60 & sleep 60", 100ms);
    CHECK_FALSE(result.isSuccess);
    CHECK(result.how == "time limit of 100ms");
}

TEST_CASE("child process: what is left behind with the output open delays nothing",
          "[haproxy][child]") {
    const CommandResult result = runShell("sleep 2 & echo done");
    CHECK(result.isSuccess);
    CHECK(result.output == "done\n");
}

TEST_CASE("child process: tells that a program cannot be executed", "[haproxy][child]") {
    TaskRunner runner;
    SpawnRequest request;
    request.arguments = {"/nonexistent/program"};
    const CommandResult result = runner.run(runCommand(runner.reactor(), std::move(request), 10s));
    CHECK(result.how == "exit status 127");
    CHECK(result.output == "cannot start: /nonexistent/program: No such file or directory\n");
}
