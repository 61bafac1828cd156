// SPDX-License-Identifier: MIT
// Tests of Channel over a real socket pair.
#include "common/event_loop.h"
#include "common/file_io.h"
#include "common/timer.h"
#include "protocol/channel.h"
#include "protocol/control_messages.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "tests/support/catch.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <functional>
#include <stdexcept>
#include <string>

namespace mmsd::protocol {

namespace {

using Bytes = std::vector<std::byte>;

struct Recorder final : Channel::Handler {
    void onFrame(const FrameView& frame) override {
        frames.push_back({frame.header, {frame.payload.begin(), frame.payload.end()}});
        if (onEach)
            onEach();
    }
    void onChannelClosed(std::string_view why) override {
        ++closed;
        reason = why;
        if (onEnd)
            onEnd();
    }

    struct Frame {
        FrameHeader header;
        Bytes payload;
    };
    std::vector<Frame> frames;
    int closed = 0;
    std::string reason;
    std::function<void()> onEach;
    std::function<void()> onEnd;
};

/** A channel whose peer is a plain socket; the peer plays a worker. */
struct Fixture {
    Fixture() {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) ==
                0);
        peer.reset(ends[1]);
        channel = std::make_unique<Channel>(loop, UniqueFd{ends[0]}, Sender::Worker, recorder);
    }
    void write(const Bytes& bytes) const { writeAll(peer.get(), bytes); }
    /** Dispatches until @p isDone; the limit only ends a broken test. */
    void runUntil(const std::function<bool()>& isDone) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!isDone() && std::chrono::steady_clock::now() < limit)
            loop.poll();
        REQUIRE(isDone());
    }
    void runUntilClosed() {
        runUntil([this] { return recorder.closed > 0; });
    }
    /** Takes what lies in the peer's socket. */
    Bytes drainPeer() const {
        Bytes all;
        std::array<std::byte, 65'536> buffer;
        for (ssize_t size = 1; size > 0;) {
            size = ::recv(peer.get(), buffer.data(), buffer.size(), 0);
            if (size > 0)
                all.insert(all.end(), buffer.begin(), buffer.begin() + size);
        }
        return all;
    }

    EventLoop loop;
    Recorder recorder;
    UniqueFd peer;
    std::unique_ptr<Channel> channel;
};

Bytes frame(MessageType type, const Bytes& payload = {}, std::uint64_t generation = 0) {
    Bytes bytes;
    appendFrame(bytes, type, generation, payload);
    return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<FrameHeader> headersIn(const Bytes& bytes) {
    std::vector<FrameHeader> headers;
    std::span<const std::byte> rest{bytes};
    while (const auto each = takeFrame(rest))
        headers.push_back(each->header);
    CHECK(rest.empty());
    return headers;
}

} // namespace

TEST_CASE("channel: delivers frames wherever the stream is split", "[protocol][channel]") {
    const Bytes stream = frame(MessageType::Ready, Bytes(6)) +
                         frame(MessageType::Pong, encodeToken(7)) +
                         frame(MessageType::SnapshotApplied, Bytes(11), 3);
    for (std::size_t split = 0; split <= stream.size(); ++split) {
        Fixture f;
        const auto middle = stream.begin() + static_cast<std::ptrdiff_t>(split);
        f.write({stream.begin(), middle});
        f.loop.poll();
        f.write({middle, stream.end()});
        f.runUntil([&] { return f.recorder.frames.size() == 3; });
        CHECK(f.recorder.frames[1].header.type == MessageType::Pong);
        CHECK(decodeToken(f.recorder.frames[1].payload) == 7);
        CHECK(f.recorder.frames[2].header.generation == 3);
        CHECK(f.recorder.closed == 0);
    }
}

TEST_CASE("channel: delivers more than one read takes", "[protocol][channel]") {
    Fixture f;
    f.write(frame(MessageType::Ready));
    constexpr std::size_t kCount = 40;
    Bytes stream;
    for (std::size_t i = 0; i < kCount; ++i)
        stream = stream + frame(MessageType::Status, Bytes(50'000, std::byte{5}));
    std::span<const std::byte> rest{stream};
    f.runUntil([&] {
        const ssize_t size = ::send(f.peer.get(), rest.data(), rest.size(), MSG_DONTWAIT);
        rest = rest.subspan(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
        return f.recorder.frames.size() == kCount + 1;
    });
    for (std::size_t i = 1; i <= kCount; ++i)
        CHECK(f.recorder.frames[i].payload == Bytes(50'000, std::byte{5}));
}

TEST_CASE("channel: sends frames in their order", "[protocol][channel]") {
    Fixture f;
    f.channel->send(MessageType::Hello, Bytes(5));
    f.channel->send(std::make_shared<const Bytes>(frame(MessageType::SnapshotBegin, Bytes(9), 4) +
                                                  frame(MessageType::SnapshotEnd, Bytes(8), 4)));
    f.channel->send(MessageType::Ping, encodeToken(1));
    f.channel->send(MessageType::SnapshotApp, Bytes(3), 4);
    CHECK_FALSE(f.channel->hasUnsent());
    const auto headers = headersIn(f.drainPeer());
    REQUIRE(headers.size() == 5);
    CHECK(headers[0].type == MessageType::Hello);
    CHECK(headers[1].type == MessageType::SnapshotBegin);
    CHECK(headers[2].type == MessageType::SnapshotEnd);
    CHECK(headers[3].type == MessageType::Ping);
    CHECK(headers[3].length == 8);
    CHECK(headers[4].generation == 4);
}

TEST_CASE("channel: a slow reader gets everything, in order", "[protocol][channel]") {
    Fixture f;
    Bytes big;
    for (std::uint64_t i = 1; i <= 100; ++i)
        big = big + frame(MessageType::SnapshotApp, Bytes(30'000, static_cast<std::byte>(i)), i);
    const auto shared = std::make_shared<const Bytes>(big);
    f.channel->send(shared);
    for (std::uint64_t i = 0; i < 40; ++i)
        f.channel->send(MessageType::Ping, encodeToken(i));
    f.channel->send(shared);
    CHECK(f.channel->hasUnsent());
    CHECK(f.channel->hasUnsentShared());

    Bytes got;
    f.runUntil([&] {
        got = got + f.drainPeer();
        return got.size() >= 2 * big.size() + 40 * 24;
    });
    const auto headers = headersIn(got);
    REQUIRE(headers.size() == 240);
    CHECK(headers[99].generation == 100);
    CHECK(headers[100].type == MessageType::Ping);
    CHECK(headers[139].type == MessageType::Ping);
    CHECK(headers[140].generation == 1);
    CHECK_FALSE(f.channel->hasUnsent());
    CHECK_FALSE(f.channel->hasUnsentShared());
    CHECK(Bytes{got.begin(), got.begin() + static_cast<std::ptrdiff_t>(big.size())} == big);
}

TEST_CASE("channel: an empty shared buffer is nothing to send", "[protocol][channel]") {
    Fixture f;
    f.channel->send(std::make_shared<const Bytes>());
    CHECK_FALSE(f.channel->hasUnsent());
}

TEST_CASE("channel: a peer that does not read is closed from the loop", "[protocol][channel]") {
    Fixture f;
    const Bytes payload(60'000);
    for (int i = 0; i < 10; ++i)
        f.channel->send(MessageType::Status, payload);
    CHECK(f.channel->hasUnsent());
    CHECK_FALSE(f.channel->hasUnsentShared());
    for (int i = 10; i < 100; ++i)
        f.channel->send(MessageType::Status, payload);
    CHECK(f.recorder.closed == 0);
    CHECK_FALSE(f.channel->hasUnsent());
    f.runUntilClosed();
    CHECK(f.recorder.reason == "peer does not read");
    for (int i = 0; i < 5; ++i)
        f.loop.poll();
    CHECK(f.recorder.closed == 1);
}

TEST_CASE("channel: relayed frames do not count against the control limit", "[protocol][channel]") {
    Fixture f;
    const auto shared = std::make_shared<const Bytes>(4 * kMaxQueuedControlBytes);
    f.channel->send(shared);
    f.channel->send(MessageType::Ping, encodeToken(1));
    f.loop.poll();
    CHECK(f.recorder.closed == 0);
    CHECK(f.channel->hasUnsent());
}

TEST_CASE("channel: control bytes that were read count no more", "[protocol][channel]") {
    Fixture f;
    const Bytes payload(60'000);
    for (int i = 0; i < 100; ++i) {
        f.channel->send(MessageType::Status, payload);
        (void)f.drainPeer();
        f.loop.poll();
    }
    CHECK(f.recorder.closed == 0);
}

TEST_CASE("channel: reports a peer that closed, after what it had sent", "[protocol][channel]") {
    Fixture f;
    f.write(frame(MessageType::Ready) + frame(MessageType::Pong));
    f.peer.reset();
    f.runUntilClosed();
    CHECK(f.recorder.frames.size() == 2);
    CHECK(f.recorder.reason == "closed by peer");
    f.channel->send(MessageType::Ping);
    CHECK_FALSE(f.channel->hasUnsent());
    f.loop.poll();
    CHECK(f.recorder.closed == 1);
}

TEST_CASE("channel: reports a peer that closed inside a frame", "[protocol][channel]") {
    Fixture f;
    Bytes half = frame(MessageType::Ready, Bytes(10));
    half.pop_back();
    f.write(half);
    f.peer.reset();
    f.runUntilClosed();
    CHECK(f.recorder.frames.empty());
    CHECK(f.recorder.reason == "closed by peer inside a frame");
}

TEST_CASE("channel: a write to a peer that is gone is reported from the loop",
          "[protocol][channel]") {
    Fixture f;
    f.write(frame(MessageType::Ready));
    f.peer.reset();
    f.channel->send(MessageType::Ping);
    f.channel->send(MessageType::Ping);
    CHECK(f.recorder.closed == 0);
    f.runUntilClosed();
    CHECK(f.recorder.frames.size() == 1);
    CHECK(f.recorder.reason == "closed by peer");
    CHECK(f.recorder.closed == 1);
}

TEST_CASE("channel: garbage ends the peer", "[protocol][channel]") {
    Fixture f;
    f.write(Bytes(64, std::byte{0xee}));
    f.runUntilClosed();
    CHECK(f.recorder.frames.empty());
    CHECK(f.recorder.reason == "unknown message type 61166");
    // The peer learns of it.
    CHECK(::send(f.peer.get(), "x", 1, MSG_NOSIGNAL) < 0);
}

TEST_CASE("channel: a message out of place ends the peer", "[protocol][channel]") {
    Fixture f;
    f.write(frame(MessageType::Ready) + frame(MessageType::Ready) + frame(MessageType::Pong));
    f.runUntilClosed();
    CHECK(f.recorder.frames.size() == 1);
    CHECK(f.recorder.reason == "Ready is not allowed between snapshots");
}

TEST_CASE("channel: a ProtocolError of the handler ends the peer", "[protocol][channel]") {
    Fixture f;
    f.recorder.onEach = [] { throw ProtocolError{"bad payload"}; };
    f.write(frame(MessageType::Ready) + frame(MessageType::Pong));
    f.runUntilClosed();
    CHECK(f.recorder.frames.size() == 1);
    CHECK(f.recorder.reason == "bad payload");
}

TEST_CASE("channel: other exceptions of the handler leave the loop", "[protocol][channel]") {
    Fixture f;
    f.recorder.onEach = [] { throw std::logic_error{"own mistake"}; };
    f.write(frame(MessageType::Ready));
    CHECK_THROWS_WITH(f.runUntilClosed(), "own mistake");
    CHECK(f.recorder.closed == 0);
}

TEST_CASE("channel: the handler may destroy it in onFrame", "[protocol][channel]") {
    Fixture f;
    f.recorder.onEach = [&f] { f.channel.reset(); };
    f.write(frame(MessageType::Ready) + frame(MessageType::Pong));
    f.runUntil([&f] { return f.channel == nullptr; });
    f.loop.poll();
    CHECK(f.recorder.frames.size() == 1);
    CHECK(f.recorder.closed == 0);
}

TEST_CASE("channel: the handler may destroy it in onFrame and throw", "[protocol][channel]") {
    Fixture f;
    f.recorder.onEach = [&f] {
        f.channel.reset();
        throw ProtocolError{"too late"};
    };
    f.write(frame(MessageType::Ready));
    f.runUntil([&f] { return f.channel == nullptr; });
    CHECK(f.recorder.closed == 0);
}

TEST_CASE("channel: the handler may destroy it in onChannelClosed", "[protocol][channel]") {
    for (const bool isBreach : {false, true}) {
        Fixture f;
        f.recorder.onEnd = [&f] { f.channel.reset(); };
        if (isBreach)
            f.write(Bytes(16, std::byte{0xff}));
        f.peer.reset();
        f.runUntil([&f] { return f.channel == nullptr; });
        CHECK(f.recorder.closed == 1);
    }
}

TEST_CASE("channel: the handler may send from onFrame", "[protocol][channel]") {
    Fixture f;
    f.recorder.onEach = [&f] {
        for (int i = 0; i < 50; ++i)
            f.channel->send(MessageType::Status, Bytes(60'000));
        CHECK(f.recorder.closed == 0);
    };
    f.write(frame(MessageType::Ready));
    f.runUntilClosed();
    CHECK(f.recorder.reason == "peer does not read");
}

TEST_CASE("channel: two of them talk", "[protocol][channel]") {
    EventLoop loop;
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    Recorder inSupervisor;
    Recorder inWorker;
    Channel toWorker{loop, UniqueFd{ends[0]}, Sender::Worker, inSupervisor};
    Channel toSupervisor{loop, UniqueFd{ends[1]}, Sender::Supervisor, inWorker};
    inWorker.onEach = [&] {
        const auto& last = inWorker.frames.back();
        if (last.header.type == MessageType::Hello)
            toSupervisor.send(MessageType::Ready);
        else
            toSupervisor.send(MessageType::Pong, last.payload);
    };
    inSupervisor.onEach = [&] {
        const std::size_t count = inSupervisor.frames.size();
        if (count == 100)
            loop.stop();
        else
            toWorker.send(MessageType::Ping, encodeToken(count));
    };
    toWorker.send(MessageType::Hello, encode(Hello{}));
    EventTimerFactory timers{loop};
    const auto limit = timers.create([&loop] { loop.stop(); });
    limit->start(std::chrono::seconds{20});
    loop.run();
    REQUIRE(inSupervisor.frames.size() == 100);
    CHECK(decodeToken(inSupervisor.frames.back().payload) == 99);
}

} // namespace mmsd::protocol
