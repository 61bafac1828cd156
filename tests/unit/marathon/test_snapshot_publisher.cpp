// SPDX-License-Identifier: MIT
// Tests of what is sent and kept for a change: little, and always enough.
#include "common/file_io.h"
#include "daemon/marathon/snapshot_publisher.h"
#include "daemon/marathon/state_file.h"
#include "protocol/limits.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/marathon/support.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>

namespace mmsd::marathon {

namespace {

using std::chrono::seconds;

protocol::App makeApp(const std::string& id, int instances) {
    protocol::App app;
    app.id = id;
    app.ports.resize(1);
    for (int i = 0; i < instances; ++i) {
        protocol::Instance instance;
        instance.taskId = id + "." + std::to_string(i);
        instance.host = "host";
        instance.serving = protocol::Serving::Yes;
        instance.ports = {{static_cast<std::uint16_t>(1'000 + i), false}};
        app.instances.push_back(std::move(instance));
    }
    return app;
}

struct Scene {
    test::TempDir folder;
    test::FakeTimerFactory timers;
    StateFile file{timers, openFile(folder.path().string(), O_RDONLY | O_DIRECTORY)};
    test::RecordingOutlet outlet;
    SnapshotPublisher publisher{outlet, &file, 0};

    void prepare(const std::string& id, int instances) {
        publisher.prepare({id, makeApp(id, instances)});
    }
    void remove(const std::string& id) { publisher.prepare({id, std::nullopt}); }
    void publish() { publisher.publish(Cause{"test", 1}); }
    /** So many apps with two instances, published. */
    void fill(int apps) {
        for (int i = 0; i < apps; ++i)
            prepare("/app-" + std::to_string(1'000 + i), 2);
        publish();
    }
    [[nodiscard]] std::size_t lastSize() const { return outlet.frames.back()->size(); }
    [[nodiscard]] const protocol::Snapshot& last() const { return *outlet.snapshots.back(); }
    [[nodiscard]] std::string onDisk() const {
        return readFile(folder / "snapshot.bin", protocol::kMaxSnapshotBytes);
    }
    /** True if the file leads to the last state that was sent. */
    [[nodiscard]] bool isKept() {
        const auto kept = file.load();
        return kept && kept->generation == last().generation &&
               std::ranges::equal(kept->apps, last().apps,
                                  [](const auto& a, const auto& b) { return *a == *b; });
    }
};

} // namespace

TEST_CASE("snapshot_publisher: the first snapshot is whole, the others bring what changed",
          "[marathon][publisher]") {
    Scene scene;
    scene.fill(500);
    const std::size_t whole = scene.lastSize();
    scene.prepare("/app-1007", 3);
    scene.prepare("/new", 1);
    scene.remove("/app-1400");
    scene.publish();
    CHECK(scene.lastSize() < whole / 50);
    REQUIRE(scene.last().apps.size() == 500);
    CHECK(*protocol::findApp(scene.last(), "/app-1007") == makeApp("/app-1007", 3));
    CHECK(protocol::findApp(scene.last(), "/app-1400") == nullptr);
    CHECK(scene.publisher.published().instances == 1'000);

    // What came and went, or changed back, before anyone was told is nothing.
    scene.prepare("/app-1007", 4);
    scene.prepare("/app-1007", 3);
    scene.prepare("/short-lived", 1);
    scene.remove("/short-lived");
    CHECK_FALSE(scene.publisher.hasChanges());
}

TEST_CASE("snapshot_publisher: what changes most of the state is sent whole",
          "[marathon][publisher]") {
    Scene scene;
    scene.fill(100);
    for (int i = 0; i < 100; ++i)
        scene.prepare("/app-" + std::to_string(1'000 + i), 3);
    scene.publish();
    std::span<const std::byte> rest{*scene.outlet.frames.back()};
    CHECK(protocol::decodeSnapshotBegin(protocol::takeFrame(rest)->payload).base == 0);
}

TEST_CASE("snapshot_publisher: after many changes the whole state is sent once more",
          "[marathon][publisher]") {
    Scene scene;
    scene.fill(20);
    std::size_t wholes = 0;
    for (int i = 0; i < 2'500; ++i) {
        scene.prepare("/app-1003", 1 + i % 7);
        const std::size_t before = scene.outlet.frames.size();
        scene.publish();
        const std::size_t sent = scene.outlet.frames.size() - before;
        REQUIRE((sent == 1 || sent == 2));
        wholes += sent - 1; // the outlet checks that it is the same state
    }
    CHECK(scene.outlet.snapshots.size() == 2'501);
    CHECK(wholes == 2);
}

TEST_CASE("state_file: grows by what changed, and leads to the last state",
          "[marathon][state_file]") {
    Scene scene;
    scene.fill(200);
    scene.timers.advance(seconds{2});
    const std::size_t whole = scene.onDisk().size();
    REQUIRE(scene.isKept());
    struct stat before {};
    REQUIRE(::stat((scene.folder / "snapshot.bin").c_str(), &before) == 0);
    for (int i = 0; i < 10; ++i) {
        scene.prepare("/app-1003", 3 + i);
        scene.publish();
        if (i % 3 == 0)
            scene.timers.advance(seconds{2});
    }
    scene.file.flush();
    CHECK(scene.isKept());
    CHECK(scene.onDisk().size() > whole);
    CHECK(scene.onDisk().size() < whole + whole / 4);
    struct stat after {};
    REQUIRE(::stat((scene.folder / "snapshot.bin").c_str(), &after) == 0);
    CHECK(after.st_ino == before.st_ino);
}

TEST_CASE("state_file: what is torn, gone or damaged is written anew", "[marathon][state_file]") {
    Scene scene;
    scene.fill(50);
    scene.timers.advance(seconds{2});
    const std::string path = scene.folder / "snapshot.bin";

    SECTION("gone") {
        REQUIRE(::unlink(path.c_str()) == 0);
        scene.prepare("/app-1003", 5);
        scene.publish();
        scene.timers.advance(seconds{2}); // fails
        scene.timers.advance(seconds{20});
        CHECK(scene.isKept());
    }
    SECTION("cut by somebody else: nothing good would stand behind that") {
        REQUIRE(::truncate(path.c_str(), 100) == 0);
        scene.prepare("/app-1003", 5);
        scene.publish();
        scene.timers.advance(seconds{2}); // fails
        scene.timers.advance(seconds{20});
        CHECK(scene.isKept());
    }
    SECTION("torn by a crash: the state before it is in force, and the next run writes anew") {
        scene.prepare("/app-1003", 5);
        scene.publish();
        scene.timers.advance(seconds{2});
        const std::string content = scene.onDisk();
        replaceFileAt(scene.folder.fd(), "snapshot.bin",
                      std::string_view{content}.substr(0, content.size() - 1), 0600);
        test::RecordingOutlet outlet;
        StateFile file{scene.timers,
                       openFile(scene.folder.path().string(), O_RDONLY | O_DIRECTORY)};
        SnapshotPublisher next{outlet, &file, scene.publisher.generation()};
        const auto kept = file.load();
        REQUIRE(kept);
        CHECK(kept->generation == scene.publisher.generation() - 1);
        next.restore(*kept);
        CHECK(outlet.snapshots.empty()); // the supervisor has a newer one
        next.prepare({"/app-1003", makeApp("/app-1003", 5)});
        next.publish(Cause{"test", 1});
        REQUIRE(outlet.snapshots.size() == 1);
        scene.timers.advance(seconds{2});
        CHECK(file.load()->generation == next.generation());
    }
}

} // namespace mmsd::marathon
