// SPDX-License-Identifier: MIT
// What the settings make of the table of processes.
#include "common/file_io.h"
#include "common/start_error.h"
#include "daemon/options.h"
#include "daemon/process_plan.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <algorithm>
#include <string>
#include <vector>

namespace mmsd::supervisor {

namespace {

/** A worker folder with all executables, and settings that point to it. */
class WorkerFolder {
public:
    WorkerFolder() {
        for (const WorkerSpec& spec : workerTable())
            replaceFileAt(folder_.fd(), spec.executable, std::string_view{}, 0755);
    }
    [[nodiscard]] protocol::Settings settings(const std::vector<std::string>& flags = {}) const {
        const std::string folder = "--worker-dir=" + folder_.path().string();
        std::vector<const char*> argv{"mmsd", "--config=/dev/null", folder.c_str()};
        for (const std::string& flag : flags)
            argv.push_back(flag.c_str());
        return readOptions(argv).settings;
    }
    [[nodiscard]] const test::TempDir& folder() const { return folder_; }

private:
    test::TempDir folder_;
};

const ProcessPlan& planOf(const std::vector<ProcessPlan>& plans, std::string_view name) {
    return *std::ranges::find(plans, name, [](const ProcessPlan& plan) { return plan.spec->name; });
}

ExitCode codeOf(const protocol::Settings& settings, bool isRoot) {
    try {
        (void)planProcesses(settings, isRoot);
    } catch (const StartError& error) {
        return error.code();
    }
    return ExitCode::Ok;
}

} // namespace

TEST_CASE("process plan: one for each row, in order, with its own arguments only", "[daemon]") {
    const WorkerFolder workers;
    const auto plans = planProcesses(workers.settings({"--api-port=2222"}), false);
    REQUIRE(plans.size() == workerTable().size());
    for (std::size_t i = 0; i < plans.size(); ++i) {
        CHECK(plans[i].spec == &workerTable()[i]);
        CHECK(plans[i].executable == (workers.folder() / workerTable()[i].executable));
        CHECK_FALSE(plans[i].identity.has_value());
    }
    const auto has = [&](std::string_view process, std::string_view argument) {
        return std::ranges::count(planOf(plans, process).arguments, argument) == 1;
    };
    CHECK(has("api-server", "--api-port=2222"));
    CHECK_FALSE(has("confd-writer", "--api-port=2222"));
    CHECK(has("marathon-watcher", "--marathon-port=8080"));
    CHECK_FALSE(has("api-server", "--marathon-port=8080"));
}

TEST_CASE("process plan: listeners by address and port of the settings", "[daemon]") {
    const WorkerFolder workers;
    const auto plans = planProcesses(
        workers.settings({"--bind-ip=::1", "--api-port=2222", "--enable-udp=true"}), false);
    const auto listeners = enabledListeners(plans);
    REQUIRE(listeners.size() == 3);
    CHECK(listeners[0].role == "api-tcp");
    CHECK(listeners[0].endpoint.toString() == "[::1]:2222");
    CHECK(listeners[1].role == "udp-in-store");
    CHECK(listeners[2].role == "udp-out-store");
    CHECK(listeners[2].endpoint == InetEndpoint{});
}

TEST_CASE("process plan: what is not enabled needs neither executable nor user", "[daemon]") {
    const WorkerFolder workers;
    REQUIRE(::unlinkat(workers.folder().fd(), "mmsd-confd-writer", 0) == 0);
    CHECK(codeOf(workers.settings(), false) == ExitCode::Configuration);
    CHECK_THROWS_WITH(planProcesses(workers.settings(), false),
                      test::containsText("mmsd-confd-writer (for confd-writer)"));
    const auto plans = planProcesses(workers.settings({"--enable-files=false"}), false);
    CHECK_FALSE(planOf(plans, "confd-writer").isEnabled);
}

TEST_CASE("process plan: executables must be files that somebody may execute", "[daemon]") {
    const WorkerFolder workers;
    replaceFileAt(workers.folder().fd(), "mmsd-api-server", std::string_view{}, 0644);
    CHECK_THROWS_WITH(planProcesses(workers.settings(), false),
                      test::containsText("not an executable file"));
}

TEST_CASE("process plan: users", "[daemon]") {
    const WorkerFolder workers;
    const auto plans = planProcesses(workers.settings({"--run-as=nobody"}), true);
    for (const ProcessPlan& plan : plans) {
        REQUIRE(plan.identity.has_value() == plan.isEnabled);
        if (!plan.isEnabled)
            continue;
        CHECK(plan.identity->uid != 0);
        CHECK(plan.identity->gid != 0);
    }
    CHECK(codeOf(workers.settings({"--run-as=mmsd-no-such"}), true) == ExitCode::Configuration);
    CHECK_THROWS_WITH(
        planProcesses(workers.settings({"--run-as=mmsd-no-such"}), true),
        test::containsText("user \"mmsd-no-such\" (for marathon-watcher) does not exist"));
    CHECK(codeOf(workers.settings({"--run-as=root"}), true) == ExitCode::Configuration);
    CHECK(codeOf(workers.settings({"--run-as=nobody"}), false) == ExitCode::Permission);
}

TEST_CASE("process plan: only what a process was started with makes a restart", "[daemon]") {
    const WorkerFolder workers;
    const auto plans = [&](const std::vector<std::string>& flags) {
        return planProcesses(workers.settings(flags), false);
    };
    const auto restarted = [&](const std::vector<std::string>& flags) {
        std::string names;
        const auto before = plans({"--enable-dns"});
        auto all = flags;
        all.emplace_back("--enable-dns");
        const auto after = plans(all);
        for (std::size_t i = 0; i < before.size(); ++i)
            if (before[i].isEnabled && needsRestart(before[i], after[i]))
                names += std::string{names.empty() ? "" : " "} + after[i].spec->name;
        return names;
    };
    CHECK(restarted({}).empty());
    CHECK(restarted({"--log-level=debug"}).empty());
    CHECK(restarted({"--verbose"}).empty());
    CHECK(restarted({"--resync-interval=45s"}) == "marathon-watcher api-server");
    CHECK(restarted({"--dns-ttl=9s"}) == "dns-server");
    // What runs already does not notice that another comes.
    CHECK(restarted({"--dns-processes=3"}).empty());
    CHECK(restarted({"--log-format=json"}) ==
          "marathon-watcher confd-writer api-server haproxy-manager udp-balancer dns-server");
}

TEST_CASE("process plan: as many DNS servers as wanted, each with sockets of its own", "[daemon]") {
    const WorkerFolder workers;
    const auto names = [&](const std::vector<std::string>& flags) {
        std::vector<std::string> enabled;
        for (const ProcessPlan& plan : planProcesses(workers.settings(flags), false))
            if (plan.isEnabled && plan.executable.ends_with("mmsd-dns-server"))
                enabled.emplace_back(plan.spec->name);
        return enabled;
    };
    CHECK(names({"--dns-processes=3"}).empty());
    CHECK(names({"--enable-dns"}) == std::vector<std::string>{"dns-server"});
    CHECK(names({"--enable-dns", "--dns-processes=3"}) ==
          std::vector<std::string>{"dns-server", "dns-server-2", "dns-server-3"});
    CHECK(names({"--enable-dns", "--dns-processes=16"}).size() == 16);

    const auto plans = planProcesses(
        workers.settings({"--enable-dns", "--dns-processes=2", "--enable-udp=false"}), false);
    const auto listeners = enabledListeners(plans);
    REQUIRE(listeners.size() == 5); // the API's, and UDP and TCP of each DNS server
    for (std::size_t i = 0; i < listeners.size(); ++i)
        CHECK(std::count(listeners.begin(), listeners.end(), listeners[i]) == 1);
    CHECK(planOf(plans, "dns-server").arguments == planOf(plans, "dns-server-2").arguments);
}

} // namespace mmsd::supervisor
