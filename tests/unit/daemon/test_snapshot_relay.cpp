// SPDX-License-Identifier: MIT
// Store and forward: whole snapshots only, the newest only, one in flight per worker.
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

    explicit Transaction(std::uint64_t number) : generation{number} {
        protocol::Checksum checksum;
        begin.version = protocol::kProtocolVersion;
        begin.appCount = static_cast<std::uint32_t>(apps.size());
        begin.instanceCount = 7; // nobody here can count them
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

} // namespace

TEST_CASE("snapshot relay: keeps the frames exactly as they came", "[daemon]") {
    SnapshotRelay relay;
    CHECK(relay.generation() == 0);
    CHECK(relay.newest() == nullptr);
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
    CHECK(*relay.newest() == expected);
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
    const protocol::SharedFrames kept = relay.newest();
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

    CHECK(relay.newest() == kept);
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
    for (const std::uint64_t generation : {1U, 6U, 7U})
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
    CHECK(relay.newest() == nullptr);
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
    const std::vector<std::byte>& frames = *before.newest();
    const auto fileOf = [](std::span<const std::byte> content) {
        UniqueFd file{::memfd_create("test", MFD_CLOEXEC)};
        writeAll(file.get(), content);
        return file;
    };

    SnapshotRelay after;
    after.restore(fileOf(frames).get());
    CHECK(after.generation() == 7);
    CHECK(*after.newest() == frames);

    std::vector<std::byte> broken = frames;
    broken.back() ^= std::byte{1};
    SnapshotRelay none;
    CHECK_THROWS_AS(none.restore(fileOf(broken).get()), protocol::ProtocolError);
    none.restore(fileOf(std::span{frames}.first(frames.size() - 1)).get());
    CHECK(none.newest() == nullptr);
    CHECK(none.generation() == 0);
}

TEST_CASE("snapshot delivery: nothing to send before the first snapshot", "[daemon]") {
    const SnapshotRelay relay;
    SnapshotDelivery delivery;
    CHECK(delivery.next(relay) == nullptr);
    CHECK_FALSE(delivery.hasAcknowledged());
}

TEST_CASE("snapshot delivery: one in flight, the latest next, none in between", "[daemon]") {
    SnapshotRelay relay;
    SnapshotDelivery delivery;
    takeAll(relay, Transaction{1});
    CHECK(delivery.next(relay) == relay.newest());
    CHECK(delivery.next(relay) == nullptr);
    for (const std::uint64_t generation : {2U, 3U, 4U}) {
        takeAll(relay, Transaction{generation});
        CHECK(delivery.next(relay) == nullptr);
    }
    delivery.acknowledge(1);
    CHECK(delivery.hasAcknowledged());
    CHECK(delivery.next(relay) == relay.newest());
    delivery.acknowledge(4);
    CHECK(delivery.next(relay) == nullptr);
}

TEST_CASE("snapshot delivery: workers share one buffer and wait for nobody", "[daemon]") {
    SnapshotRelay relay;
    SnapshotDelivery quick;
    SnapshotDelivery slow;
    takeAll(relay, Transaction{1});
    const protocol::SharedFrames first = slow.next(relay);
    CHECK(quick.next(relay) == first);
    quick.acknowledge(1);
    takeAll(relay, Transaction{2});
    CHECK(quick.next(relay) == relay.newest());
    CHECK(slow.next(relay) == nullptr);
    // The old buffer lives for the slow one only: relay, this test, and its queue (also this test).
    CHECK(first.use_count() == 1);
}

TEST_CASE("snapshot delivery: an acknowledgement must be for what was sent", "[daemon]") {
    SnapshotRelay relay;
    SnapshotDelivery delivery;
    CHECK_THROWS_AS(delivery.acknowledge(0), ProtocolError);
    CHECK_THROWS_AS(delivery.acknowledge(1), ProtocolError);
    takeAll(relay, Transaction{1});
    (void)delivery.next(relay);
    takeAll(relay, Transaction{2});
    CHECK_THROWS_AS(delivery.acknowledge(2), ProtocolError);
    CHECK(delivery.acknowledge(1));
    // Applied anew, as after SIGHUP to the worker.
    CHECK_FALSE(delivery.acknowledge(1));
    (void)delivery.next(relay);
    CHECK_THROWS_AS(delivery.acknowledge(1), ProtocolError);
}

} // namespace mmsd::supervisor
