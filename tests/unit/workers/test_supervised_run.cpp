// SPDX-License-Identifier: MIT
// Tests of a worker's life under the supervisor, with the real workers inside their real cages.
#include "common/file_io.h"
#include "protocol/snapshot_assembler.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/workers/sample_state.h"
#include "tests/unit/workers/supervisor_double.h"
#include "workers/api-server/api_server.h"
#include "workers/api-server/listener.h"
#include "workers/api-server/sandbox_policy.h"
#include "workers/confd-writer/confd_writer.h"
#include "workers/confd-writer/sandbox_policy.h"

#include <poll.h>

#include <csignal>
#include <filesystem>
#include <string>

using namespace mmsd;
using protocol::ApplyResult;
using protocol::MessageType;
using test::app;
using test::instance;
using test::SupervisorDouble;
namespace fs = std::filesystem;

namespace {

worker::WorkerDefinition confdDefinition() {
    return {.process = "confd-writer",
            .program = "mmsd-confd-writer",
            .purpose = "",
            .commandName = "mmsd-confd",
            .settingsMask = protocol::kForConfd,
            .sandbox = confd::sandboxPolicy(),
            .writableFolders =
                [](const protocol::Settings& settings) {
                    return std::vector<std::string>{settings.text("run-state-dir")};
                },
            .create = [](worker::WorkerContext& context) -> std::unique_ptr<worker::Worker> {
                return std::make_unique<confd::ConfdWriter>(context.settings.text("run-state-dir"),
                                                            context.timers);
            }};
}

/** Where the API's listener is in the child: dup'ed there before the fork. */
constexpr int kListenerFd = 200;

worker::WorkerDefinition apiDefinition() {
    return {.process = "api-server",
            .program = "mmsd-api-server",
            .purpose = "",
            .commandName = "mmsd-api",
            .settingsMask = protocol::kForApi,
            .sandbox = api::sandboxPolicy(),
            .writableFolders = [](const protocol::Settings&) { return std::vector<std::string>{}; },
            .create = [](worker::WorkerContext& context) -> std::unique_ptr<worker::Worker> {
                return std::make_unique<api::ApiServer>(context.loop, context.timers,
                                                        context.takeSocket("api-tcp"), 16);
            }};
}

struct ConfdFixture {
    test::TempDir dir;
    SupervisorDouble supervisor{confdDefinition(),
                                {"--run-state-dir=" + dir.path().string(), "--log-level=error"}};
};

/** One request over a connection of its own. */
std::string ask(std::uint16_t port, const std::string& target) {
    const UniqueFd socket{::socket(AF_INET, SOCK_STREAM, 0)};
    sockaddr_storage address;
    const socklen_t length = InetEndpoint{*IpAddress::parse("127.0.0.1"), port}.toSockaddr(address);
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    const timeval limit{20, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const std::string request =
        "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(count));
    return answer;
}

} // namespace

TEST_CASE("supervised run: Hello, Ready, snapshots, status", "[workers][runtime]") {
    ConfdFixture f;
    const protocol::Ready ready = f.supervisor.start("confd-writer");
    CHECK(ready.version == protocol::kProtocolVersion);
    CHECK(ready.hasSyscallFilter);
    f.supervisor.send(MessageType::Ping, protocol::encodeToken(77));
    CHECK(protocol::decodeToken(f.supervisor.await(MessageType::Pong).payload) == 77);

    f.supervisor.sendSnapshot(5, {app("/a", {80}, {instance("10.0.0.1", {1})})});
    CHECK(f.supervisor.awaitApplied(5).result == ApplyResult::Applied);
    CHECK(fs::exists(f.dir / "a.instances"));
    f.supervisor.sendSnapshot(6, {app("/a", {80}, {instance("10.0.0.1", {1})})});
    CHECK(f.supervisor.awaitApplied(6).result == ApplyResult::Unchanged);

    double applied = 0;
    while (applied < 2) // reports are spaced: the last one tells all
        for (const protocol::Metric& metric :
             protocol::decodeStatusReport(f.supervisor.await(MessageType::Status).payload).metrics)
            if (metric.name == "snapshots_applied_total")
                applied = metric.value;
    f.supervisor.send(MessageType::SetLogLevel, protocol::encodeLogLevel(LogLevel::Error));
    f.supervisor.send(MessageType::Shutdown);
    CHECK(f.supervisor.end() == 0);
}

TEST_CASE("supervised run: a broken snapshot is rejected, the next one taken",
          "[workers][runtime]") {
    ConfdFixture f;
    f.supervisor.start("confd-writer");
    f.supervisor.sendSnapshot(1, {app("/a", {80})});
    f.supervisor.awaitApplied(1);

    auto frames = SupervisorDouble::framesOf(2, {app("/a", {81}), app("/b", {80})});
    std::span<const std::byte> rest{frames};
    static_cast<void>(protocol::takeFrame(rest)); // Begin
    const std::size_t firstApp = frames.size() - rest.size();
    frames[firstApp + protocol::kHeaderSize] ^= std::byte{0xff};
    f.supervisor.send(MessageType::SnapshotTarget, {}, 2);
    f.supervisor.sendBytes(frames);
    const auto rejected = f.supervisor.awaitApplied(2);
    CHECK(rejected.result == ApplyResult::Rejected);
    CHECK_FALSE(rejected.text.empty());
    CHECK_FALSE(fs::exists(f.dir / "b.instances"));

    f.supervisor.sendSnapshot(3, {app("/b", {80})});
    CHECK(f.supervisor.awaitApplied(3).result == ApplyResult::Applied);
    CHECK(fs::exists(f.dir / "b.instances"));
}

TEST_CASE("supervised run: SIGHUP and Reapply repair the output", "[workers][runtime]") {
    ConfdFixture f;
    f.supervisor.start("confd-writer");
    f.supervisor.signal(SIGHUP); // nothing to reapply yet
    f.supervisor.sendSnapshot(1, {app("/a", {80}), app("/b", {80})});
    f.supervisor.awaitApplied(1);
    const auto awaitFile = [&](const std::string& name) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!fs::exists(f.dir / name))
            REQUIRE(std::chrono::steady_clock::now() < deadline);
    };
    fs::remove(f.dir / "a.instances");
    f.supervisor.signal(SIGHUP);
    awaitFile("a.instances");
    fs::remove(f.dir / "b.instances");
    f.supervisor.send(MessageType::Reapply);
    awaitFile("b.instances");
}

TEST_CASE("supervised run: lives through write errors in its cage", "[workers][runtime]") {
    ConfdFixture f;
    fs::create_directory(f.dir / "a.instances");
    f.supervisor.start("confd-writer");
    f.supervisor.sendSnapshot(1, {app("/a", {80})});
    CHECK_THAT(f.supervisor.awaitApplied(1).text, test::containsText("a.instances"));
    f.supervisor.sendSnapshot(2, {});
    f.supervisor.awaitApplied(2);
    f.supervisor.signal(SIGTERM);
    CHECK(f.supervisor.end() == 0);
}

TEST_CASE("supervised run: ends with 0 when told, or when the supervisor is gone",
          "[workers][runtime]") {
    SECTION("SIGTERM") {
        ConfdFixture f;
        f.supervisor.start("confd-writer");
        f.supervisor.signal(SIGTERM);
        CHECK(f.supervisor.end() == 0);
    }
    SECTION("SIGINT") {
        ConfdFixture f;
        f.supervisor.start("confd-writer");
        f.supervisor.signal(SIGINT);
        CHECK(f.supervisor.end() == 0);
    }
    SECTION("end of the channel") {
        ConfdFixture f;
        f.supervisor.start("confd-writer");
        f.supervisor.hangUp();
        CHECK(f.supervisor.end() == 0);
    }
    SECTION("end of the channel before Hello") {
        ConfdFixture f;
        f.supervisor.hangUp();
        CHECK(f.supervisor.end() == 0);
    }
    SECTION("end of the channel inside a frame") {
        ConfdFixture f;
        f.supervisor.start("confd-writer");
        f.supervisor.sendBytes(std::vector<std::byte>(3));
        f.supervisor.hangUp();
        CHECK(f.supervisor.end() == 0);
    }
}

TEST_CASE("supervised run: says by its exit code why it cannot run", "[workers][runtime]") {
    const auto endAfter = [](protocol::Hello hello, const std::string& folder = "/tmp") {
        SupervisorDouble supervisor{confdDefinition(), {"--run-state-dir=" + folder}};
        supervisor.send(MessageType::Hello, encode(hello));
        return supervisor.end();
    };
    protocol::Hello hello;
    hello.version = protocol::kProtocolVersion;
    hello.process = "confd-writer";
    hello.logLevel = LogLevel::Error;

    protocol::Hello other = hello;
    other.version = protocol::kProtocolVersion + 1;
    CHECK(endAfter(other) == static_cast<int>(ExitCode::Configuration));
    other = hello;
    other.process = "api-server";
    CHECK(endAfter(other) == static_cast<int>(ExitCode::Configuration));
    for (const char* name : {"", "confd", "confd-writer-", "confd-writer-1", "confd-writer-x",
                             "confd-writer2", "x-confd-writer-2"}) {
        INFO(name);
        other.process = name;
        CHECK(endAfter(other) == static_cast<int>(ExitCode::Configuration));
    }
    CHECK(endAfter(hello, "/nonexistent") == 99); // a SysError: main makes it 71
    other = hello;
    other.sockets = {{250, "api-tcp"}}; // not open
    CHECK(endAfter(other) == static_cast<int>(ExitCode::OperatingSystem));
}

TEST_CASE("supervised run: one of several processes shows its number", "[workers][runtime]") {
    ConfdFixture f;
    f.supervisor.start("confd-writer-2");
    CHECK(readFile("/proc/" + std::to_string(f.supervisor.pid()) + "/comm", 64) ==
          "mmsd-confd-2\n");
}

TEST_CASE("supervised run: a breach of the protocol ends it", "[workers][runtime]") {
    ConfdFixture f;
    f.supervisor.start("confd-writer");
    f.supervisor.send(MessageType::Pong, protocol::encodeToken(1));
    CHECK(f.supervisor.end() == static_cast<int>(ExitCode::OperatingSystem));
}

TEST_CASE("supervised run: the api-server answers from inside its cage", "[workers][runtime]") {
    UniqueFd listener = api::openListener({*IpAddress::parse("127.0.0.1"), 0});
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
    const std::uint16_t port =
        InetEndpoint::fromSockaddr(reinterpret_cast<sockaddr*>(&address), length)->port;
    REQUIRE(::dup2(listener.get(), kListenerFd) == kListenerFd);
    UniqueFd inherited{kListenerFd};
    SupervisorDouble supervisor{apiDefinition()};
    supervisor.start("api-server", {{kListenerFd, "api-tcp"}});

    CHECK(ask(port, "/ping").ends_with("\r\n\r\npong\n"));
    CHECK(ask(port, "/v1/apps").starts_with("HTTP/1.1 503"));
    supervisor.sendSnapshot(1, {app("/a", {80}, {instance("10.0.0.1", {31000})})});
    supervisor.awaitApplied(1);
    CHECK(ask(port, "/v1/instances/a").ends_with("\r\n\r\n10.0.0.1:31000\n"));

    protocol::ProcessStatus processes;
    processes.generation = 1;
    processes.processes.resize(1);
    processes.processes[0].name = "confd-writer";
    supervisor.send(MessageType::ProcessStatus, encode(processes));
    protocol::StatusReport report;
    report.refusals = {{"/x", 0, "taken"}};
    supervisor.send(MessageType::Status, protocol::wrapStatus("confd-writer", encode(report)));
    const std::vector<std::byte> garbage(5, std::byte{0xff});
    supervisor.send(MessageType::Status, protocol::wrapStatus("confd-writer", garbage));
    supervisor.send(MessageType::Ping, protocol::encodeToken(1));
    supervisor.await(MessageType::Pong); // it has read all of that, and lives
    const std::string status = ask(port, "/v1/status");
    CHECK_THAT(status, test::containsText("\"name\":\"confd-writer\""));
    CHECK_THAT(status, test::containsText("\"reason\":\"taken\""));

    supervisor.signal(SIGHUP);
    CHECK(ask(port, "GARBAGE\x01").starts_with("HTTP/1.1 400"));
    supervisor.signal(SIGTERM);
    CHECK(supervisor.end() == 0);

    // The listener is still open here: who connects meanwhile waits for the successor.
    SupervisorDouble successor{apiDefinition()};
    successor.start("api-server", {{kListenerFd, "api-tcp"}});
    CHECK(ask(port, "/version").starts_with("HTTP/1.1 200 OK\r\n"));
}
