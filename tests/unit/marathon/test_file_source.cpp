// SPDX-License-Identifier: MIT
// Tests of following a file: replaced, rewritten, broken, gone.
#include "common/file_io.h"
#include "common/sys_error.h"
#include "daemon/marathon/app_file.h"
#include "daemon/marathon/file_source.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/marathon/support.h"

#include <fcntl.h>

#include <functional>

namespace mmsd::marathon {

namespace {

using std::chrono::seconds;
using test::appJson;

struct Scene : private SourceListener {
    test::TempDir folder;
    EventLoop loop;
    EventTimerFactory timers{loop};
    test::FakeHosts hosts;
    test::RecordingOutlet outlet;
    SnapshotPublisher publisher{outlet, nullptr, 0};
    StateKeeper keeper{timers, hosts, publisher};
    std::unique_ptr<FileSource> source;

    void onSourceStatus(const protocol::SourceStatus& status) override {
        outlet.sendSourceStatus(status);
    }
    void onSynchronized() override {}

    void write(const std::string& content) {
        replaceFileAt(folder.fd(), "apps.json", content, 0644);
    }
    void start(std::chrono::milliseconds interval = seconds{3600}) {
        SourceListener& listener = *this;
        source = std::make_unique<FileSource>(loop, timers, keeper, listener, folder / "apps.json",
                                              interval);
        source->start();
        loop.poll();
    }
    /** Runs the loop until it is so; fails after a generous while. */
    void await(const std::function<bool()>& isSo) {
        const auto deadline = std::chrono::steady_clock::now() + seconds{20};
        while (!isSo()) {
            if (std::chrono::steady_clock::now() >= deadline)
                FAIL("it did not happen in time");
            loop.poll();
        }
    }
    void awaitApps(std::size_t count) {
        await([&] {
            return !outlet.snapshots.empty() && outlet.snapshots.back()->apps.size() == count;
        });
    }
    void awaitState(protocol::SourceState state) {
        await([&] { return !outlet.statuses.empty() && outlet.statuses.back().state == state; });
    }
};

std::string list(int count) {
    std::string text = R"({"apps":[)";
    for (int i = 0; i < count; ++i)
        text += (i == 0 ? "" : ",") + appJson("/app-" + std::to_string(i), 1);
    return text + "]}";
}

std::vector<std::string> idsIn(const std::string& content) {
    const test::TempDir folder;
    replaceFileAt(folder.fd(), "f", content, 0600);
    std::vector<std::string> ids;
    readAppFile(folder / "f", [&](std::string_view json) { ids.push_back(parseApp(json).id); });
    return ids;
}

} // namespace

TEST_CASE("app_file: takes every shape", "[marathon][file]") {
    using Ids = std::vector<std::string>;
    CHECK(idsIn(list(2)) == Ids{"/app-0", "/app-1"});
    CHECK(idsIn("[" + appJson("/a", 1) + "]") == Ids{"/a"});
    CHECK(idsIn(R"({"app":)" + appJson("/a", 1) + "}") == Ids{"/a"});
    CHECK(idsIn(appJson("/a", 1)) == Ids{"/a"});
    CHECK(idsIn(R"({"id":"/","apps":[],"groups":[{"id":"/g","apps":[{"id":"/g/a"}]}]})") ==
          Ids{"/g/a"});
    CHECK(idsIn(R"({"apps":[]})").empty());
    for (const char* content :
         {"", "{", "{}", "7", R"({"message":"x"})", R"({"apps":[{"id":"/a"})"}) {
        CAPTURE(content);
        CHECK_THROWS_AS(idsIn(content), JsonError);
    }
    CHECK_THROWS_AS(readAppFile("/nowhere/at-all", [](std::string_view) {}), SysError);
}

TEST_CASE("file_source: follows a file that is replaced or rewritten", "[marathon][file]") {
    Scene scene;
    scene.write(list(1));
    scene.start();
    scene.awaitApps(1);
    CHECK(scene.outlet.statuses.back().state == protocol::SourceState::Connected);

    scene.write(list(2)); // a new file takes the name
    scene.awaitApps(2);

    const std::string text = list(3); // the same file, in place
    writeAll(openFile(scene.folder / "apps.json", O_WRONLY | O_TRUNC).get(),
             std::as_bytes(std::span{text}));
    scene.awaitApps(3);
}

TEST_CASE("file_source: a file that stays the same is confirmed again", "[marathon][file]") {
    Scene scene;
    scene.write(list(1));
    scene.start(std::chrono::milliseconds{1});
    scene.awaitApps(1);
    const auto first = scene.keeper.confirmedAt();
    REQUIRE(first);
    scene.await([&] { return scene.keeper.confirmedAt() > first; });
    scene.write("{");
    scene.awaitState(protocol::SourceState::Unreachable);
    const auto last = scene.keeper.confirmedAt();
    for (int i = 0; i < 20; ++i)
        scene.loop.poll();
    CHECK(scene.keeper.confirmedAt() == last);
    CHECK(scene.outlet.snapshots.size() == 1);
}

TEST_CASE("file_source: a bad file leaves the last good state", "[marathon][file]") {
    Scene scene;
    scene.write(list(2));
    scene.start();
    scene.awaitApps(2);
    const std::size_t sent = scene.outlet.snapshots.size();

    scene.write(R"({"apps":[{"id":"/app-0")");
    scene.awaitState(protocol::SourceState::Unreachable);
    CHECK(scene.outlet.statuses.back().text.find("apps.json") != std::string::npos);
    CHECK(::unlinkat(scene.folder.fd(), "apps.json", 0) == 0);
    scene.await([&] { return scene.source->counters().requests.at({"file", "failed"}) == 2; });
    CHECK(scene.outlet.snapshots.size() == sent);

    scene.write(list(1));
    scene.awaitApps(1);
    CHECK(scene.outlet.statuses.back().state == protocol::SourceState::Connected);
}

TEST_CASE("file_source: a file that is not there yet", "[marathon][file]") {
    Scene scene;
    scene.start();
    scene.awaitState(protocol::SourceState::Unreachable);
    CHECK(scene.outlet.snapshots.empty());
    scene.write(list(1));
    scene.awaitApps(1);
}

TEST_CASE("file_source: follows a link", "[marathon][file]") {
    Scene scene;
    const test::TempDir other;
    replaceFileAt(other.fd(), "v1", list(1), 0644);
    replaceFileAt(other.fd(), "v2", list(2), 0644);
    REQUIRE(::symlinkat((other / "v1").c_str(), scene.folder.fd(), "apps.json") == 0);
    CHECK(FileSource::foldersOf(scene.folder / "apps.json").size() == 2);
    scene.start();
    scene.awaitApps(1);
    REQUIRE(::symlinkat((other / "v2").c_str(), scene.folder.fd(), "new") == 0);
    REQUIRE(::renameat(scene.folder.fd(), "new", scene.folder.fd(), "apps.json") == 0);
    scene.awaitApps(2);
}

TEST_CASE("file_source: a resync takes the file anew", "[marathon][file]") {
    Scene scene;
    scene.write(list(1));
    scene.start();
    scene.awaitApps(1);
    scene.source->resync("test");
    CHECK(scene.source->counters().requests.at({"file", "ok"}) == 2);
    scene.loop.poll();
    CHECK(scene.outlet.snapshots.size() == 1);
}

} // namespace mmsd::marathon
