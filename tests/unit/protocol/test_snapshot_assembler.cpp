// SPDX-License-Identifier: MIT
// Tests of SnapshotAssembler.
#include "protocol/protocol_error.h"
#include "protocol/snapshot_assembler.h"
#include "tests/support/catch.h"
#include "tests/unit/protocol/samples.h"

#include <algorithm>
#include <functional>
#include <map>
#include <random>

namespace mmsd::protocol {

namespace {

using Bytes = std::vector<std::byte>;

/** A frame that owns its payload, for tests that change it. */
struct OwnedFrame {
    FrameHeader header;
    Payload payload;
};

std::vector<OwnedFrame> split(const Bytes& bytes) {
    std::vector<OwnedFrame> frames;
    std::span<const std::byte> rest{bytes};
    while (const auto frame = takeFrame(rest))
        frames.push_back({frame->header, {frame->payload.begin(), frame->payload.end()}});
    return frames;
}

/** The state after these frames, if they complete a transaction. */
std::shared_ptr<const Snapshot> feed(SnapshotAssembler& assembler,
                                     const std::vector<OwnedFrame>& frames) {
    bool isComplete = false;
    for (const OwnedFrame& frame : frames) {
        CHECK_FALSE(isComplete);
        isComplete = assembler.take({frame.header, frame.payload});
    }
    return isComplete ? assembler.last() : nullptr;
}

std::shared_ptr<const Snapshot> feed(SnapshotAssembler& assembler, const Bytes& bytes) {
    return feed(assembler, split(bytes));
}

Bytes twoApps(std::uint64_t generation) {
    return samples::encodeFrames(generation,
                                 {samples::plainApp("/a", 2), samples::plainApp("/b", 1)});
}

template <typename Message>
Payload changed(const OwnedFrame& frame, Message (*decode)(PayloadView),
                const std::function<void(Message&)>& change) {
    Message message = decode(frame.payload);
    change(message);
    return encode(message);
}

} // namespace

TEST_CASE("assembler: builds the whole snapshot at End", "[protocol][assembler]") {
    SnapshotAssembler assembler;
    const auto snapshot =
        feed(assembler, samples::encodeFrames(9, {samples::plainApp("/a", 5'000), samples::app(),
                                                  samples::plainApp("/z", 0)}));
    REQUIRE(snapshot);
    CHECK(snapshot == assembler.last());
    CHECK(snapshot->generation == 9);
    CHECK(snapshot->begin.cause == "test");
    CHECK(snapshot->begin.instanceCount == 5'002);
    REQUIRE(snapshot->apps.size() == 3);
    CHECK(*snapshot->apps[0] == samples::plainApp("/a", 5'000));
    CHECK(*snapshot->apps[1] == samples::app());
    CHECK(*snapshot->apps[2] == samples::plainApp("/z", 0));
}

TEST_CASE("assembler: a snapshot may be empty", "[protocol][assembler]") {
    SnapshotAssembler assembler;
    const auto snapshot = feed(assembler, samples::encodeFrames(1, {}));
    REQUIRE(snapshot);
    CHECK(snapshot->apps.empty());
}

TEST_CASE("assembler: unchanged apps are the same objects as before", "[protocol][assembler]") {
    SnapshotAssembler assembler;
    const auto first = feed(
        assembler, samples::encodeFrames(1, {samples::plainApp("/a", 2), samples::plainApp("/b", 2),
                                             samples::plainApp("/d", 2)}));
    App changedApp = samples::plainApp("/b", 2);
    changedApp.instances[1].ports[0].number = 99;
    const auto second =
        feed(assembler,
             samples::encodeFrames(2, {samples::plainApp("/a", 2), changedApp,
                                       samples::plainApp("/c", 1), samples::plainApp("/d", 2)}));
    REQUIRE(second);
    REQUIRE(second->apps.size() == 4);
    CHECK(second->apps[0] == first->apps[0]);
    CHECK(second->apps[1] != first->apps[1]);
    CHECK(*second->apps[1] == changedApp);
    CHECK(second->apps[3] == first->apps[2]);

    const auto third = feed(assembler, samples::encodeFrames(3, {samples::plainApp("/c", 1)}));
    REQUIRE(third);
    CHECK(third->apps[0] == second->apps[2]);
}

TEST_CASE("assembler: Begin drops an unfinished snapshot", "[protocol][assembler]") {
    SnapshotAssembler assembler;
    const auto frames = split(twoApps(1));
    for (std::size_t taken = 1; taken < frames.size(); ++taken) {
        for (std::size_t i = 0; i < taken; ++i)
            CHECK_FALSE(assembler.take({frames[i].header, frames[i].payload}));
        const auto snapshot = feed(assembler, twoApps(2));
        REQUIRE(snapshot);
        CHECK(snapshot->generation == 2);
        CHECK(snapshot->apps.size() == 2);
    }
}

TEST_CASE("assembler: a breach costs the unfinished snapshot, not the last one",
          "[protocol][assembler]") {
    SnapshotAssembler assembler;
    const auto good = feed(assembler, twoApps(1));
    auto frames = split(twoApps(2));
    frames[2].payload.pop_back();
    CHECK_THROWS_AS(feed(assembler, frames), ProtocolError);
    CHECK(assembler.last() == good);
    frames = split(twoApps(2));
    CHECK_THROWS_AS(assembler.take({frames[3].header, frames[3].payload}), ProtocolError);
    CHECK(feed(assembler, frames));
}

TEST_CASE("assembler: refuses what does not follow the order", "[protocol][assembler]") {
    const auto frames = split(twoApps(1)); // Begin, App, Instances, App, Instances, End
    REQUIRE(frames.size() == 6);
    for (const auto& order : std::vector<std::vector<std::size_t>>{
             {1},
             {2},
             {5},
             {0, 2},
             {0, 5},
             {0, 1, 3, 5},
             {0, 1, 2, 2, 3, 4, 5},
             {0, 3, 4, 1, 2, 5},
             {0, 1, 2, 1, 2, 5},
             {0, 1, 2, 5},
             {0, 1, 2, 3, 5},
             {0, 1, 2, 3, 4, 3, 4, 5},
         }) {
        std::vector<OwnedFrame> changedFrames;
        for (const std::size_t i : order)
            changedFrames.push_back(frames[i]);
        SnapshotAssembler assembler;
        CHECK_THROWS_AS(feed(assembler, changedFrames), ProtocolError);
        CHECK(assembler.last() == nullptr);
    }
}

TEST_CASE("assembler: refuses wrong totals and checksums", "[protocol][assembler]") {
    const auto begins = std::vector<std::function<void(SnapshotBegin&)>>{
        [](SnapshotBegin& begin) { ++begin.appCount; },
        [](SnapshotBegin& begin) { --begin.appCount; },
        [](SnapshotBegin& begin) { ++begin.instanceCount; },
        [](SnapshotBegin& begin) { --begin.instanceCount; },
        [](SnapshotBegin& begin) { ++begin.payloadBytes; },
        [](SnapshotBegin& begin) { --begin.payloadBytes; },
    };
    for (const auto& change : begins) {
        auto frames = split(twoApps(1));
        frames.front().payload =
            changed<SnapshotBegin>(frames.front(), decodeSnapshotBegin, change);
        SnapshotAssembler assembler;
        CHECK_THROWS_AS(feed(assembler, frames), ProtocolError);

        // The same lie at both ends.
        const SnapshotBegin begin = decodeSnapshotBegin(frames.front().payload);
        frames.back().payload =
            changed<SnapshotEnd>(frames.back(), decodeSnapshotEnd, [&begin](SnapshotEnd& end) {
                end.appCount = begin.appCount;
                end.instanceCount = begin.instanceCount;
                end.payloadBytes = begin.payloadBytes;
            });
        CHECK_THROWS_AS(feed(assembler, frames), ProtocolError);
    }
    auto frames = split(twoApps(1));
    frames.back().payload = changed<SnapshotEnd>(frames.back(), decodeSnapshotEnd,
                                                 [](SnapshotEnd& end) { end.checksum ^= 1; });
    SnapshotAssembler assembler;
    CHECK_THROWS_WITH(feed(assembler, frames), "snapshot has the wrong checksum");
}

TEST_CASE("assembler: refuses a change of generation, and 0", "[protocol][assembler]") {
    SnapshotAssembler assembler;
    auto frames = split(twoApps(1));
    for (std::size_t i = 1; i < frames.size(); ++i) {
        auto mixed = frames;
        mixed[i].header.generation = 2;
        CHECK_THROWS_AS(feed(assembler, mixed), ProtocolError);
    }
    frames[0].header.generation = 0;
    CHECK_THROWS_AS(feed(assembler, frames), ProtocolError);
}

TEST_CASE("assembler: refuses other messages", "[protocol][assembler]") {
    SnapshotAssembler assembler;
    CHECK_THROWS_AS(assembler.take({{.type = MessageType::Ping}, {}}), ProtocolError);
    const auto frames = split(twoApps(1));
    CHECK_FALSE(assembler.take({frames[0].header, frames[0].payload}));
    CHECK_THROWS_AS(assembler.take({{.type = MessageType::SnapshotApplied, .generation = 1}, {}}),
                    ProtocolError);
}

TEST_CASE("assembler: a change brings what differs, and keeps the other objects",
          "[protocol][assembler]") {
    SnapshotAssembler assembler;
    const std::vector<App> before{samples::plainApp("/a"), samples::plainApp("/b"),
                                  samples::plainApp("/d"), samples::plainApp("/e")};
    std::vector<App> after{samples::plainApp("/0"), samples::plainApp("/a"),
                           samples::plainApp("/b", 3), samples::plainApp("/c"),
                           samples::plainApp("/e")};
    const auto first = feed(assembler, samples::encodeFrames(4, before));
    const Bytes change = samples::encodeChanges(6, 4, before, after);
    CHECK(change.size() < samples::encodeFrames(6, after).size());
    const auto second = feed(assembler, change);
    REQUIRE(second);
    CHECK(second->generation == 6);
    CHECK(second->begin.cause == "change");
    CHECK(second->instanceCount == 7);
    REQUIRE(second->apps.size() == after.size());
    for (std::size_t i = 0; i < after.size(); ++i)
        CHECK(*second->apps[i] == after[i]);
    CHECK(second->apps[1] == first->apps[0]);
    CHECK(second->apps[4] == first->apps[3]);
    CHECK(first->apps.size() == 4); // a state once given out stays what it was

    const auto third = feed(assembler, samples::encodeChanges(7, 6, after, {}));
    REQUIRE(third);
    CHECK(third->apps.empty());
    CHECK(feed(assembler, samples::encodeChanges(8, 7, {}, before))->apps.size() == 4);
}

TEST_CASE("assembler: random changes lead where whole states do", "[protocol][assembler]") {
    std::minstd_rand random{11};
    SnapshotAssembler changed;
    std::vector<App> before;
    REQUIRE(feed(changed, samples::encodeFrames(1, before)));
    for (std::uint64_t generation = 2; generation < 300; ++generation) {
        std::map<std::string, App> apps;
        for (const App& app : before)
            apps[app.id] = app;
        for (auto count = random() % 6; count > 0; --count) {
            const std::string id = "/" + std::to_string(random() % 40);
            if (random() % 3 == 0)
                apps.erase(id);
            else
                apps[id] = samples::plainApp(id, random() % 4);
        }
        std::vector<App> after;
        for (const auto& [id, app] : apps)
            after.push_back(app);
        const auto result =
            feed(changed, random() % 10 == 0
                              ? samples::encodeFrames(generation, after)
                              : samples::encodeChanges(generation, generation - 1, before, after));
        REQUIRE(result);
        REQUIRE(std::ranges::equal(result->apps, after,
                                   [](const auto& a, const App& b) { return *a == b; }));
        before = std::move(after);
    }
}

TEST_CASE("assembler: refuses a change of a state that is not here, or of what is not in it",
          "[protocol][assembler]") {
    const std::vector<App> before{samples::plainApp("/a"), samples::plainApp("/b")};
    const std::vector<App> after{samples::plainApp("/a", 2), samples::plainApp("/c")};
    SnapshotAssembler none;
    CHECK_THROWS_WITH(feed(none, samples::encodeChanges(5, 4, before, after)),
                      "snapshot changes generation 4, and 0 is here");

    SnapshotAssembler assembler;
    const auto kept = feed(assembler, samples::encodeFrames(4, before));
    CHECK_THROWS_AS(feed(assembler, samples::encodeChanges(6, 5, before, after)), ProtocolError);
    // Based on the right number, but on another content.
    const std::vector<App> other{samples::plainApp("/a"), samples::plainApp("/b", 7)};
    const std::vector<App> otherAfter{samples::plainApp("/a", 2), samples::plainApp("/b", 7)};
    CHECK_THROWS_WITH(feed(assembler, samples::encodeChanges(5, 4, other, otherAfter)),
                      "snapshot leads to another state than it says");
    CHECK_THROWS_WITH(feed(assembler, samples::encodeChanges(5, 4, {samples::plainApp("/x")}, {})),
                      "app /x is to be removed and is not there");

    auto frames = split(samples::encodeChanges(5, 4, before, after)); // /a, /b goes, /c
    REQUIRE(frames.size() == 7);
    REQUIRE(frames[3].header.type == MessageType::SnapshotRemoved);
    std::swap(frames[3], frames[4]);
    CHECK_THROWS_AS(feed(assembler, frames), ProtocolError);
    // A whole state removes nothing.
    frames = split(samples::encodeChanges(5, 4, before, after));
    frames[0].payload = changed<SnapshotBegin>(frames[0], decodeSnapshotBegin,
                                               [](SnapshotBegin& begin) { begin.base = 0; });
    CHECK_THROWS_AS(feed(assembler, frames), ProtocolError);
    CHECK(assembler.last() == kept);
    CHECK(feed(assembler, samples::encodeChanges(5, 4, before, after)));
}

TEST_CASE("snapshot file: begins with a whole state", "[protocol][assembler]") {
    const Bytes file = twoApps(4);
    CHECK(decodeSnapshotFile(file).snapshot->generation == 4);
    CHECK(decodeSnapshotFile(file).flaw.empty());
    for (std::size_t size = 0; size < file.size(); ++size)
        CHECK_THROWS_AS(decodeSnapshotFile(std::span{file}.first(size)), ProtocolError);
    Bytes otherVersion = file;
    otherVersion[kHeaderSize] = std::byte{77};
    CHECK_THROWS_WITH(decodeSnapshotFile(otherVersion), mmsd::test::containsText("version 77"));
    CHECK_THROWS_AS(decodeSnapshotFile(samples::encodeChanges(5, 4, {}, {})), ProtocolError);
}

TEST_CASE("snapshot file: has so many snapshots and no more", "[protocol][assembler]") {
    Bytes file = samples::encodeFrames(1, {});
    for (std::uint64_t generation = 2; generation <= kMaxChain + 2; ++generation) {
        const Bytes change = samples::encodeChanges(generation, generation - 1, {}, {});
        file.insert(file.end(), change.begin(), change.end());
    }
    const SnapshotFile read = decodeSnapshotFile(file);
    CHECK(read.snapshot->generation == kMaxChain);
    CHECK(read.flaw == "it has too many snapshots");
}

TEST_CASE("snapshot file: what is torn behind a good state costs only that",
          "[protocol][assembler]") {
    const Bytes whole = twoApps(4);
    const Bytes change =
        samples::encodeChanges(5, 4, {samples::plainApp("/a", 2), samples::plainApp("/b", 1)},
                               {samples::plainApp("/a", 2)});
    for (std::size_t size = 0; size <= change.size(); ++size) {
        Bytes file = whole;
        file.insert(file.end(), change.begin(), change.begin() + static_cast<std::ptrdiff_t>(size));
        const SnapshotFile read = decodeSnapshotFile(file);
        const bool isWhole = size == change.size();
        CHECK(read.snapshot->generation == (isWhole ? 5 : 4));
        CHECK(read.flaw.empty() == (isWhole || size == 0));
    }
    Bytes file = whole;
    file.insert(file.end(), change.begin(), change.end());
    file[whole.size() + change.size() - 1] ^= std::byte{1};
    CHECK(decodeSnapshotFile(file).snapshot->generation == 4);
    CHECK(decodeSnapshotFile(file).flaw == "snapshot leads to another state than it says");
}

} // namespace mmsd::protocol
