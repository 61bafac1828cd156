// SPDX-License-Identifier: MIT
// Tests of the folder that the confd-writer keeps.
#include "common/file_io.h"
#include "tests/support/catch.h"
#include "tests/support/fake_timer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/confd-writer/confd_writer.h"

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>

using namespace mmsd;
using confd::ConfdWriter;
using protocol::ApplyResult;
using test::app;
using test::instance;
using test::snapshotOf;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Names = std::set<std::string>;

namespace {

/** A folder and a writer on it that can be "restarted". */
struct Fixture {
    test::TempDir dir;
    test::FakeTimerFactory timers;
    std::optional<ConfdWriter> writer{std::in_place, dir.path(), timers};

    void restart() { writer.emplace(dir.path(), timers); }
    worker::ApplyOutcome apply(const test::SnapshotPointer& snapshot) {
        worker::ApplyOutcome outcome{ApplyResult::Rejected, "not called"};
        writer->apply(snapshot, [&](worker::ApplyOutcome told) { outcome = std::move(told); });
        return outcome;
    }
    worker::ApplyOutcome reapply() {
        worker::ApplyOutcome outcome{ApplyResult::Rejected, "not called"};
        writer->reapply([&](worker::ApplyOutcome told) { outcome = std::move(told); });
        return outcome;
    }
    /** Names in the folder, without the manifest. */
    [[nodiscard]] Names names() const {
        Names found;
        for (const auto& entry : fs::directory_iterator{dir.path()})
            if (entry.path().filename() != ".mmsd-manifest")
                found.insert(entry.path().filename());
        return found;
    }
    [[nodiscard]] std::string text(const std::string& name) const {
        return readFile(dir / name, 1 << 20);
    }
    void put(const std::string& name, const std::string& content) const {
        std::ofstream{dir / name} << content;
    }
    [[nodiscard]] ino_t inode(const std::string& name) const {
        struct stat status {};
        REQUIRE(::stat((dir / name).c_str(), &status) == 0);
        return status.st_ino;
    }
    [[nodiscard]] mode_t mode(const std::string& name) const {
        struct stat status {};
        REQUIRE(::stat((dir / name).c_str(), &status) == 0);
        return status.st_mode & 07777;
    }
    [[nodiscard]] double metric(const std::string& name) const {
        for (const auto& each : writer->report().metrics)
            if (each.name == name)
                return each.value;
        return -1;
    }
};

} // namespace

TEST_CASE("confd writer: writes, changes and removes files", "[workers][confd]") {
    Fixture f;
    CHECK(f.apply(snapshotOf({app("/a", {80, 81}, {instance("h", {1, 2})}), app("/b", {82})}))
              .result == ApplyResult::Applied);
    CHECK(f.names() == Names{"a.instances", "a-1.instances", "b.instances"});
    CHECK(f.text("a-1.instances").ends_with("\n\nh:2\n"));
    CHECK(f.text(".mmsd-manifest") == "a-1.instances /a\na.instances /a\nb.instances /b\n");

    CHECK(f.apply(snapshotOf({app("/a", {80}, {instance("h", {7})})})).result ==
          ApplyResult::Applied);
    CHECK(f.names() == Names{"a.instances"});
    CHECK(f.text("a.instances").ends_with("\n\nh:7\n"));
    CHECK(f.text(".mmsd-manifest") == "a.instances /a\n");

    CHECK(f.apply(snapshotOf({app("/a", {80})})).result == ApplyResult::Applied);
    CHECK(f.text("a.instances").ends_with("tcp\n\n")); // stays, with none listed
    CHECK(f.apply(snapshotOf(std::vector<protocol::App>{})).result == ApplyResult::Applied);
    CHECK(f.names().empty());
    CHECK(f.metric("confd_files") == 0);
    CHECK(f.metric("confd_writes_total") == 5);
    CHECK(f.metric("confd_removals_total") == 3);
    CHECK(f.metric("confd_write_errors_total") == 0);
}

TEST_CASE("confd writer: equal files are untouched, also over a restart", "[workers][confd]") {
    Fixture f;
    const auto state = [] { return snapshotOf({app("/a", {80}, {instance("h", {1})})}); };
    f.apply(state());
    const ino_t before = f.inode("a.instances");
    const ino_t manifestBefore = f.inode(".mmsd-manifest");
    CHECK(f.apply(state()).result == ApplyResult::Unchanged);
    f.restart();
    CHECK(f.apply(state()).result == ApplyResult::Unchanged);
    CHECK(f.reapply().result == ApplyResult::Unchanged);
    CHECK(f.inode("a.instances") == before);
    CHECK(f.inode(".mmsd-manifest") == manifestBefore);
}

TEST_CASE("confd writer: mode is 0644 whatever the umask", "[workers][confd]") {
    Fixture f;
    for (const mode_t mask : {0000U, 0077U, 0777U}) {
        const mode_t old = ::umask(mask);
        f.apply(
            snapshotOf({app("/a", {80}, {instance("h", {static_cast<std::uint16_t>(mask + 1)})})}));
        ::umask(old);
        CHECK(f.mode("a.instances") == 0644);
        CHECK(f.mode(".mmsd-manifest") == 0644);
    }
}

TEST_CASE("confd writer: only removes what it wrote, also in an earlier run", "[workers][confd]") {
    Fixture f;
    f.put("foreign.instances", "mine");
    f.put("notes.txt", "mine");
    f.apply(snapshotOf({app("/gone", {80}), app("/stays", {80})}));
    f.restart();
    CHECK(f.names().size() == 4); // nothing happens before there is a state
    f.apply(snapshotOf({app("/stays", {80})}));
    CHECK(f.names() == Names{"foreign.instances", "notes.txt", "stays.instances"});
    CHECK(f.text("foreign.instances") == "mine");

    SECTION("a foreign file with a name that is needed becomes ours") {
        f.apply(snapshotOf({app("/foreign", {80})}));
        CHECK(f.text("foreign.instances").starts_with("Service-Name: foreign\n"));
        f.apply(snapshotOf(std::vector<protocol::App>{}));
        CHECK(f.names() == Names{"notes.txt"});
    }
    SECTION("without the manifest, everything is foreign") {
        fs::remove(f.dir / ".mmsd-manifest");
        f.restart();
        f.apply(snapshotOf(std::vector<protocol::App>{}));
        CHECK(f.names() == Names{"foreign.instances", "notes.txt", "stays.instances"});
    }
}

TEST_CASE("confd writer: the manifest is there before the file", "[workers][confd]") {
    Fixture f;
    // A folder in the way: the file itself cannot be written.
    fs::create_directory(f.dir / "a.instances");
    CHECK_THAT(f.apply(snapshotOf({app("/a", {80})})).text, test::containsText("a.instances"));
    CHECK(f.text(".mmsd-manifest") == "a.instances /a\n");
}

TEST_CASE("confd writer: a failing file is retried, the others go on", "[workers][confd]") {
    Fixture f;
    fs::create_directory(f.dir / "bad.instances");
    const auto outcome = f.apply(snapshotOf({app("/bad", {80}), app("/good", {80})}));
    CHECK(outcome.result == ApplyResult::Applied);
    CHECK_THAT(outcome.text, test::containsText("1 failed"));
    CHECK(fs::is_regular_file(f.dir / "good.instances"));
    CHECK(f.metric("confd_pending_files") == 1);
    CHECK(f.metric("confd_write_errors_total") == 1);

    // 1 s, 2 s, 4 s … 30 s.
    CHECK(f.timers.nextDelay() == 1000ms);
    f.timers.advance(1000ms);
    CHECK(f.timers.nextDelay() == 2000ms);
    for (int i = 0; i < 5; ++i)
        f.timers.fireNext();
    CHECK(f.timers.nextDelay() == 30000ms);
    CHECK(f.metric("confd_write_errors_total") == 7);

    fs::remove(f.dir / "bad.instances");
    f.timers.fireNext();
    CHECK(fs::is_regular_file(f.dir / "bad.instances"));
    CHECK(f.metric("confd_pending_files") == 0);
    CHECK(f.timers.activeCount() == 0);
}

TEST_CASE("confd writer: nothing new is written while the manifest cannot be", "[workers][confd]") {
    Fixture f;
    f.apply(snapshotOf({app("/a", {80})}));
    fs::remove(f.dir / ".mmsd-manifest");
    fs::create_directories(f.dir / ".mmsd-manifest/full");
    const auto outcome = f.apply(snapshotOf({app("/a", {81}), app("/b", {80})}));
    CHECK_THAT(outcome.text, test::containsText(".mmsd-manifest"));
    CHECK(f.names() == Names{"a.instances"}); // known files go on
    CHECK_THAT(f.text("a.instances"), test::containsText("Service-Port: 81"));
    fs::remove_all(f.dir / ".mmsd-manifest");
    f.timers.fireNext();
    CHECK(f.names() == Names{"a.instances", "b.instances"});
    CHECK(f.text(".mmsd-manifest") == "a.instances /a\nb.instances /b\n");
}

TEST_CASE("confd writer: a removal that the manifest missed is recorded later",
          "[workers][confd]") {
    Fixture f;
    f.apply(snapshotOf({app("/a", {80}), app("/b", {80})}));
    fs::remove(f.dir / ".mmsd-manifest");
    fs::create_directories(f.dir / ".mmsd-manifest/full");
    f.apply(snapshotOf({app("/a", {80})}));
    CHECK(f.names() == Names{"a.instances"});
    fs::remove_all(f.dir / ".mmsd-manifest");
    f.timers.fireNext();
    CHECK(f.text(".mmsd-manifest") == "a.instances /a\n");
}

TEST_CASE("confd writer: reapply repairs what others did", "[workers][confd]") {
    Fixture f;
    f.apply(snapshotOf({app("/changed", {80}), app("/deleted", {80}), app("/mode", {80}),
                        app("/link", {80}), app("/same", {80})}));
    f.put("changed.instances", "Service-Name: chXnged");
    fs::remove(f.dir / "deleted.instances");
    ::chmod((f.dir / "mode.instances").c_str(), 0666);
    fs::rename(f.dir / "link.instances", f.dir / "elsewhere");
    fs::create_symlink("elsewhere", f.dir / "link.instances");
    fs::remove(f.dir / ".mmsd-manifest");
    f.put(".stale.instances.tmp", "half");
    const ino_t same = f.inode("same.instances");

    CHECK(f.reapply().result == ApplyResult::Applied);
    CHECK(f.text("changed.instances").starts_with("Service-Name: changed\n"));
    CHECK(f.text("deleted.instances").starts_with("Service-Name: deleted\n"));
    CHECK(f.mode("mode.instances") == 0644);
    CHECK_FALSE(fs::is_symlink(f.dir / "link.instances"));
    CHECK(f.inode("same.instances") == same);
    CHECK(f.text(".mmsd-manifest").size() > 100);
    CHECK(f.names().count(".stale.instances.tmp") == 0);
}

TEST_CASE("confd writer: cleans up after a writer that was killed", "[workers][confd]") {
    Fixture f;
    f.put(".a.instances.tmp", "half");
    f.put("..mmsd-manifest.tmp", "half");
    f.put(".other.tmp", "mine");
    f.put("a.instances.tmp", "mine");
    f.restart();
    CHECK(f.names() == Names{".other.tmp", "a.instances.tmp"});
}

TEST_CASE("confd writer: the holder of a contested name is kept over a restart",
          "[workers][confd]") {
    Fixture f;
    const auto young = app("/a/b", {1}, {}, "2021-01-01T00:00:00Z");
    const auto old = app("/a.b", {2}, {}, "2019-01-01T00:00:00Z");
    f.apply(snapshotOf({young}));
    f.restart();
    f.apply(snapshotOf({young, old}));
    CHECK_THAT(f.text("a.b.instances"), test::containsText("Service-Port: 1\n"));
    REQUIRE(f.writer->report().refusals.size() == 1);
    CHECK(f.writer->report().refusals[0].appId == "/a.b");
    f.apply(snapshotOf({old}));
    CHECK_THAT(f.text("a.b.instances"), test::containsText("Service-Port: 2\n"));
    CHECK(f.text(".mmsd-manifest") == "a.b.instances /a.b\n");
}

TEST_CASE("confd writer: reports labels and hosts that it could not write", "[workers][confd]") {
    Fixture f;
    auto bad = app("/a", {80}, {instance("two words", {1})});
    bad.ports[0].labels["proto"] = "no word";
    f.apply(snapshotOf({bad}));
    CHECK(f.writer->report().refusals.size() == 2);
    f.apply(snapshotOf({app("/a", {80})}));
    CHECK(f.writer->report().refusals.empty());
}

TEST_CASE("confd writer: a hot reader never sees a torn file", "[workers][confd]") {
    Fixture f;
    constexpr int kChanges = 1'000;
    // The n-th content has n % 50 + 1 lines, each naming n: a mixture cannot pass for one of them.
    const auto state = [](int n) {
        std::vector<protocol::Instance> instances;
        for (int i = 0; i <= n % 50; ++i)
            instances.push_back(instance("host" + std::to_string(100 + i),
                                         {static_cast<std::uint16_t>(10'000 + n)}));
        return snapshotOf({app("/hot", {80}, std::move(instances))});
    };
    const auto isWhole = [](const std::string& text) {
        const std::size_t first = text.rfind(':');
        if (!text.starts_with("Service-Name: hot\n") || first == std::string::npos)
            return false;
        const int n = std::stoi(text.substr(first + 1)) - 10'000;
        std::size_t lines = 0;
        const std::string port = ":" + std::to_string(10'000 + n) + "\n";
        for (std::size_t at = text.find(port); at != std::string::npos;
             at = text.find(port, at + 1))
            ++lines;
        return lines == static_cast<std::size_t>(n % 50 + 1);
    };
    f.apply(state(0));

    std::atomic<bool> isDone = false;
    std::atomic<int> reads = 0;
    std::atomic<int> torn = 0;
    std::thread reader{[&] {
        while (!isDone) {
            torn += isWhole(readFile(f.dir / "hot.instances", 1 << 20)) ? 0 : 1;
            ++reads;
        }
    }};
    for (int n = 1; n <= kChanges; ++n)
        f.apply(state(n));
    isDone = true;
    reader.join();
    CHECK(torn == 0);
    CHECK(reads > 0);
    CHECK(f.metric("confd_writes_total") == kChanges + 1);
}
