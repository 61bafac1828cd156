// SPDX-License-Identifier: MIT
// Store and forward: complete snapshots only, the newest state only, one in flight per worker.
#include "common/file_io.h"
#include "daemon/snapshot_relay.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "tests/support/catch.h"

#include <sys/mman.h>

#include <span>
#include <vector>

namespace mmsd::supervisor {

namespace {

using protocol::MessageType;
using protocol::Payload;
using protocol::ProtocolError;

/** A transaction in pieces, right unless a test changes something. */
struct Transaction {
    std::uint64_t generation = 1;
    std::vector<Payload> apps{Payload(100, std::byte{1}), Payload(50, std::byte{2})};
    std::vector<Payload> instances{Payload(70, std::byte{3})};
    protocol::SnapshotBegin begin{};
    protocol::SnapshotEnd end{};

    /** @param base 0 = a whole state */
    explicit Transaction(std::uint64_t number, std::uint64_t base = 0) : generation{number} {
        begin.version = protocol::kProtocolVersion;
        begin.base = base;
        begin.instanceCount = 7; // nobody here can count them
        addUp();
    }
    void addInstances(const Payload& payload, std::size_t count) {
        instances.insert(instances.end(), count, payload);
        addUp();
    }

private:
    void addUp() {
        protocol::Checksum checksum;
        begin.appCount = static_cast<std::uint32_t>(apps.size());
        begin.payloadBytes = 0;
        for (const auto* list : {&apps, &instances})
            for (const Payload& payload : *list) {
                begin.payloadBytes += payload.size();
                checksum.update(payload);
            }
        end = {begin.appCount, begin.instanceCount, begin.payloadBytes, checksum.value()};
    }
};

bool take(SnapshotRelay& relay, MessageType type, const Payload& payload,
          std::uint64_t generation) {
    const protocol::FrameHeader header{static_cast<std::uint32_t>(payload.size()), type,
                                       generation};
    return relay.take({header, payload});
}

/** Feeds all but the end. */
void takeContent(SnapshotRelay& relay, const Transaction& transaction) {
    const auto feed = [&](MessageType type, const Payload& payload) {
        const bool isComplete = take(relay, type, payload, transaction.generation);
        CHECK_FALSE(isComplete);
    };
    feed(MessageType::SnapshotBegin, encode(transaction.begin));
    for (const Payload& app : transaction.apps)
        feed(MessageType::SnapshotApp, app);
    for (const Payload& instances : transaction.instances)
        feed(MessageType::SnapshotInstances, instances);
}

bool takeEnd(SnapshotRelay& relay, const Transaction& transaction) {
    return take(relay, MessageType::SnapshotEnd, encode(transaction.end), transaction.generation);
}

bool takeAll(SnapshotRelay& relay, const Transaction& transaction) {
    takeContent(relay, transaction);
    return takeEnd(relay, transaction);
}

std::vector<std::uint64_t> generationsOf(SnapshotChain chain) {
    std::vector<std::uint64_t> generations;
    for (const SnapshotLink& link : chain)
        generations.push_back(link.generation);
    return generations;
}

} // namespace

TEST_CASE("snapshot relay: keeps the frames exactly as they came", "[daemon]") {
    SnapshotRelay relay;
    CHECK(relay.generation() == 0);
    CHECK(relay.chain().empty());
    const Transaction transaction{5};
    REQUIRE(takeAll(relay, transaction));
    CHECK(relay.generation() == 5);

    std::vector<std::byte> expected;
    protocol::appendFrame(expected, MessageType::SnapshotBegin, 5, encode(transaction.begin));
    for (const Payload& app : transaction.apps)
        protocol::appendFrame(expected, MessageType::SnapshotApp, 5, app);
    for (const Payload& instances : transaction.instances)
        protocol::appendFrame(expected, MessageType::SnapshotInstances, 5, instances);
    protocol::appendFrame(expected, MessageType::SnapshotEnd, 5, encode(transaction.end));
    REQUIRE(relay.chain().size() == 1);
    CHECK(*relay.chain()[0].frames == expected);
}

TEST_CASE("snapshot relay: an empty snapshot is one", "[daemon]") {
    SnapshotRelay relay;
    Transaction transaction{1};
    transaction.apps.clear();
    transaction.instances.clear();
    transaction.begin = {.version = protocol::kProtocolVersion, .cause = {}};
    transaction.end = {.checksum = protocol::Checksum{}.value()};
    CHECK(takeAll(relay, transaction));
}

TEST_CASE("snapshot relay: refuses what does not fit together and keeps what it had", "[daemon]") {
    SnapshotRelay relay;
    REQUIRE(takeAll(relay, Transaction{1}));
    const protocol::SharedFrames kept = relay.chain()[0].frames;
    Transaction bad{2};

    SECTION("wrong checksum") {
        ++bad.end.checksum;
    }
    SECTION("other number of apps at the end") {
        ++bad.end.appCount;
    }
    SECTION("other number of instances at the end") {
        ++bad.end.instanceCount;
    }
    SECTION("other size at the end") {
        --bad.end.payloadBytes;
    }
    SECTION("fewer apps than announced") {
        ++bad.begin.appCount;
        ++bad.end.appCount;
    }
    SECTION("fewer octets than announced") {
        ++bad.begin.payloadBytes;
        ++bad.end.payloadBytes;
    }
    SECTION("apps in another order") {
        std::swap(bad.apps[0], bad.apps[1]);
    }
    takeContent(relay, bad);
    CHECK_THROWS_AS(takeEnd(relay, bad), ProtocolError);

    REQUIRE(relay.chain().size() == 1);
    CHECK(relay.chain()[0].frames == kept);
    CHECK(relay.generation() == 1);
    // Nothing is left of it: its end would now stand alone.
    CHECK_THROWS_AS(takeEnd(relay, bad), ProtocolError);
    CHECK(takeAll(relay, Transaction{2}));
}

TEST_CASE("snapshot relay: refuses more than was announced, before the end", "[daemon]") {
    SnapshotRelay relay;
    Transaction bad{1};
    SECTION("apps") {
        --bad.begin.appCount;
        CHECK_THROWS_AS(takeContent(relay, bad), ProtocolError);
    }
    SECTION("octets") {
        --bad.begin.payloadBytes;
        CHECK_THROWS_AS(takeContent(relay, bad), ProtocolError);
    }
    SECTION("frames without content, for ever") {
        takeContent(relay, bad);
        const auto flood = [&] {
            for (std::size_t i = 0; i < protocol::kMaxSnapshotBytes / protocol::kHeaderSize; ++i)
                take(relay, MessageType::SnapshotInstances, {}, 1);
        };
        CHECK_THROWS_AS(flood(), ProtocolError);
    }
}

TEST_CASE("snapshot relay: generations rise", "[daemon]") {
    SnapshotRelay relay;
    REQUIRE(takeAll(relay, Transaction{7}));
    for (const std::uint64_t generation : {1U, 6U})
        CHECK_THROWS_AS(takeContent(relay, Transaction{generation}), ProtocolError);
    CHECK(takeAll(relay, Transaction{8}));
    CHECK(takeAll(relay, Transaction{100}));
    // A number that leaves none for the next watcher.
    CHECK_THROWS_AS(takeContent(relay, Transaction{~std::uint64_t{0}}), ProtocolError);
    CHECK(takeAll(relay, Transaction{101}));
}

TEST_CASE("snapshot relay: Begin drops an unfinished transaction", "[daemon]") {
    SnapshotRelay relay;
    takeContent(relay, Transaction{1});
    CHECK(takeAll(relay, Transaction{1}));
    takeContent(relay, Transaction{2});
    CHECK(takeAll(relay, Transaction{3}));
    CHECK(relay.generation() == 3);
}

TEST_CASE("snapshot relay: what a dead watcher began is dropped", "[daemon]") {
    SnapshotRelay relay;
    const Transaction transaction{1};
    takeContent(relay, transaction);
    relay.dropUnfinished();
    CHECK_THROWS_AS(takeEnd(relay, transaction), ProtocolError);
    CHECK(relay.chain().empty());
}

TEST_CASE("snapshot relay: another version is refused", "[daemon]") {
    SnapshotRelay relay;
    Payload begin = encode(Transaction{1}.begin);
    begin[0] = std::byte{99};
    CHECK_THROWS_AS(take(relay, MessageType::SnapshotBegin, begin, 1), ProtocolError);
}

TEST_CASE("snapshot relay: restores what another relay had, if it is whole", "[daemon]") {
    SnapshotRelay before;
    const Transaction transaction{7};
    takeContent(before, transaction);
    REQUIRE(takeEnd(before, transaction));
    const std::vector<std::byte>& frames = *before.chain()[0].frames;
    const auto fileOf = [](std::span<const std::byte> content) {
        UniqueFd file{::memfd_create("test", MFD_CLOEXEC)};
        writeAll(file.get(), content);
        return file;
    };

    SnapshotRelay after;
    after.restore(fileOf(frames).get());
    CHECK(after.generation() == 7);
    CHECK(*after.chain()[0].frames == frames);

    std::vector<std::byte> broken = frames;
    broken[broken.size() / 2] ^= std::byte{1};
    SnapshotRelay none;
    CHECK_THROWS_AS(none.restore(fileOf(broken).get()), protocol::ProtocolError);
    none.restore(fileOf(std::span{frames}.first(frames.size() - 1)).get());
    CHECK(none.chain().empty());
    CHECK(none.generation() == 0);
}

TEST_CASE("snapshot relay: changes stand behind the whole state that they change", "[daemon]") {
    SnapshotRelay relay;
    REQUIRE(takeAll(relay, Transaction{3}));
    REQUIRE(takeAll(relay, Transaction{4, 3}));
    REQUIRE(takeAll(relay, Transaction{9, 4}));
    CHECK(relay.generation() == 9);
    CHECK(generationsOf(relay.chain()) == std::vector<std::uint64_t>{3, 4, 9});
    CHECK(generationsOf(relay.chainFrom(0)) == std::vector<std::uint64_t>{3, 4, 9});
    CHECK(generationsOf(relay.chainFrom(2)) == std::vector<std::uint64_t>{3, 4, 9});
    CHECK(generationsOf(relay.chainFrom(3)) == std::vector<std::uint64_t>{4, 9});
    CHECK(generationsOf(relay.chainFrom(4)) == std::vector<std::uint64_t>{9});
    CHECK(relay.chainFrom(9).empty());

    // Of another state, or of none.
    for (const std::uint64_t base : {3U, 8U, 10U})
        CHECK_THROWS_AS(takeContent(relay, Transaction{10, base}), ProtocolError);
    CHECK_THROWS_AS(takeContent(relay, Transaction{9, 9}), ProtocolError);
    SnapshotRelay empty;
    CHECK_THROWS_AS(takeContent(empty, Transaction{1, 7}), ProtocolError);

    // The next whole state replaces them.
    REQUIRE(takeAll(relay, Transaction{10}));
    CHECK(generationsOf(relay.chain()) == std::vector<std::uint64_t>{10});
}

TEST_CASE("snapshot relay: the newest state as a whole replaces what led to it", "[daemon]") {
    SnapshotRelay relay;
    Transaction change{2, 1};
    change.end.state = {.appCount = 3, .instanceCount = 4, .checksum = 5};
    takeAll(relay, Transaction{1});
    REQUIRE(takeAll(relay, change));
    Transaction whole{2};
    CHECK_THROWS_AS(takeAll(relay, whole), ProtocolError); // it says that it is another state
    CHECK(generationsOf(relay.chain()) == std::vector<std::uint64_t>{1, 2});
    whole.end.state = change.end.state;
    CHECK_FALSE(takeAll(relay, whole)); // nothing new
    CHECK(generationsOf(relay.chain()) == std::vector<std::uint64_t>{2});
    REQUIRE(takeAll(relay, Transaction{3, 2}));
}

TEST_CASE("snapshot relay: keeps so many octets and no more", "[daemon]") {
    SnapshotRelay relay;
    takeAll(relay, Transaction{1});
    std::uint64_t generation = 1;
    const auto flood = [&] {
        while (generation < 1'000) {
            Transaction change{generation + 1, generation};
            change.addInstances(Payload(60'000), 10);
            takeAll(relay, change);
            ++generation;
        }
    };
    CHECK_THROWS_WITH(flood(), "snapshot is larger than announced or allowed");
    CHECK(generation > 400); // 256 MiB / 600 000
    CHECK(relay.generation() == generation);
    CHECK(takeAll(relay, Transaction{generation + 1}));
    CHECK(relay.chain().size() == 1);
}

TEST_CASE("snapshot relay: keeps so many changes and no more", "[daemon]") {
    SnapshotRelay relay;
    takeAll(relay, Transaction{1});
    std::uint64_t generation = 1;
    const auto flood = [&] {
        for (;; ++generation)
            takeAll(relay, Transaction{generation + 1, generation});
    };
    CHECK_THROWS_AS(flood(), ProtocolError);
    CHECK(relay.chain().size() == protocol::kMaxChain);
    CHECK(takeAll(relay, Transaction{generation + 1}));
}

TEST_CASE("snapshot relay: restores changes, too", "[daemon]") {
    SnapshotRelay before;
    takeAll(before, Transaction{1});
    takeAll(before, Transaction{2, 1});
    const UniqueFd file{::memfd_create("test", MFD_CLOEXEC)};
    for (const SnapshotLink& link : before.chain())
        writeAll(file.get(), *link.frames);
    SnapshotRelay after;
    after.restore(file.get());
    CHECK(after.generation() == 2);
    CHECK(generationsOf(after.chain()) == std::vector<std::uint64_t>{1, 2});
}

TEST_CASE("snapshot delivery: nothing to send before the first snapshot", "[daemon]") {
    const SnapshotRelay relay;
    SnapshotDelivery delivery;
    CHECK(delivery.next(relay).empty());
    CHECK_FALSE(delivery.hasAcknowledged());
}

TEST_CASE("snapshot delivery: one in flight, the latest next", "[daemon]") {
    SnapshotRelay relay;
    SnapshotDelivery delivery;
    takeAll(relay, Transaction{1});
    CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{1});
    CHECK(delivery.next(relay).empty());
    for (const std::uint64_t generation : {2U, 3U, 4U}) {
        takeAll(relay, Transaction{generation});
        CHECK(delivery.next(relay).empty());
    }
    delivery.acknowledge(1, true);
    CHECK(delivery.hasAcknowledged());
    CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{4}); // a whole one
    delivery.acknowledge(4, true);
    CHECK(delivery.next(relay).empty());
}

TEST_CASE("snapshot delivery: a worker gets what leads on from what it has", "[daemon]") {
    SnapshotRelay relay;
    SnapshotDelivery delivery;
    takeAll(relay, Transaction{1});
    (void)delivery.next(relay);
    takeAll(relay, Transaction{2, 1});
    takeAll(relay, Transaction{3, 2});
    delivery.acknowledge(1, true);
    CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{2, 3});
    delivery.acknowledge(3, true);
    CHECK(delivery.next(relay).empty());

    SECTION("the state that it has, as a whole, is nothing to it") {
        takeAll(relay, Transaction{3});
        CHECK(delivery.next(relay).empty());
        takeAll(relay, Transaction{4, 3});
        CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{4});
    }
    SECTION("what it had is replaced while it is away") {
        takeAll(relay, Transaction{5});
        takeAll(relay, Transaction{6, 5});
        CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{5, 6});
    }
    SECTION("after a rejection nobody knows what it has") {
        takeAll(relay, Transaction{4, 3});
        CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{4});
        delivery.acknowledge(4, false);
        CHECK(delivery.next(relay).empty()); // the same again would not help
        takeAll(relay, Transaction{5, 4});
        CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
        delivery.acknowledge(5, true);
        takeAll(relay, Transaction{6, 5});
        CHECK(generationsOf(delivery.next(relay)) == std::vector<std::uint64_t>{6});
    }
}

TEST_CASE("snapshot delivery: workers share one buffer and wait for nobody", "[daemon]") {
    SnapshotRelay relay;
    SnapshotDelivery quick;
    SnapshotDelivery slow;
    takeAll(relay, Transaction{1});
    const protocol::SharedFrames first = slow.next(relay)[0].frames;
    CHECK(quick.next(relay)[0].frames == first);
    quick.acknowledge(1, true);
    takeAll(relay, Transaction{2});
    CHECK(generationsOf(quick.next(relay)) == std::vector<std::uint64_t>{2});
    CHECK(slow.next(relay).empty());
    // The old buffer lives for the slow one only: relay, this test, and its queue (also this test).
    CHECK(first.use_count() == 1);
}

TEST_CASE("snapshot delivery: an acknowledgement must be for what was sent", "[daemon]") {
    SnapshotRelay relay;
    SnapshotDelivery delivery;
    CHECK_THROWS_AS(delivery.acknowledge(0, true), ProtocolError);
    CHECK_THROWS_AS(delivery.acknowledge(1, true), ProtocolError);
    takeAll(relay, Transaction{1});
    (void)delivery.next(relay);
    takeAll(relay, Transaction{2});
    CHECK_THROWS_AS(delivery.acknowledge(2, true), ProtocolError);
    CHECK(delivery.acknowledge(1, true));
    // Applied anew, as after SIGHUP to the worker.
    CHECK_FALSE(delivery.acknowledge(1, true));
    (void)delivery.next(relay);
    CHECK_THROWS_AS(delivery.acknowledge(1, true), ProtocolError);
}

} // namespace mmsd::supervisor
