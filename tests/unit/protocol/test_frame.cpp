// SPDX-License-Identifier: MIT
// Tests of the frame header and of cutting frames off a stream.
#include "protocol/frame.h"
#include "protocol/protocol_error.h"
#include "tests/support/catch.h"

#include <string>

namespace mmsd::protocol {

namespace {

std::vector<std::byte> payload(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::byte>(i * 7);
    return bytes;
}

} // namespace

TEST_CASE("frame: header has its documented layout", "[protocol][frame]") {
    const auto bytes = encodeHeader(
        {.length = 0x1234, .type = MessageType::SnapshotApp, .generation = 0x0102030405060708});
    const std::array<int, kHeaderSize> expected{0x34, 0x12, 0, 0, 17, 0, 0, 0,
                                                8,    7,    6, 5, 4,  3, 2, 1};
    for (std::size_t i = 0; i < kHeaderSize; ++i)
        CHECK(std::to_integer<int>(bytes[i]) == expected[i]);

    const FrameHeader header = decodeHeader(bytes);
    CHECK(header.length == 0x1234);
    CHECK(header.type == MessageType::SnapshotApp);
    CHECK(header.generation == 0x0102030405060708);
}

TEST_CASE("frame: every type survives its number, no other number is one", "[protocol][frame]") {
    int known = 0;
    for (unsigned number = 0; number <= 0xffff; ++number) {
        const auto type = toMessageType(static_cast<std::uint16_t>(number));
        if (!type)
            continue;
        ++known;
        CHECK(static_cast<unsigned>(*type) == number);
        CHECK(toString(*type) != "?");
    }
    CHECK(known == 17);
}

TEST_CASE("frame: rejects an unknown type", "[protocol][frame]") {
    auto bytes = encodeHeader({.type = MessageType::Ping});
    bytes[5] = std::byte{1};
    CHECK_THROWS_WITH(decodeHeader(bytes), "unknown message type 259");
}

TEST_CASE("frame: rejects flags", "[protocol][frame]") {
    for (const std::size_t offset : {6U, 7U}) {
        auto bytes = encodeHeader({.type = MessageType::Ping});
        bytes[offset] = std::byte{1};
        CHECK_THROWS_AS(decodeHeader(bytes), ProtocolError);
    }
}

TEST_CASE("frame: rejects a length above the limit as soon as the header is there",
          "[protocol][frame]") {
    auto header = encodeHeader({.length = kMaxPayload + 1, .type = MessageType::Ping});
    std::span<const std::byte> stream{header};
    CHECK_THROWS_AS(takeFrame(stream), ProtocolError);
    header = encodeHeader({.length = kMaxPayload, .type = MessageType::Ping});
    stream = header;
    CHECK_FALSE(takeFrame(stream));
}

TEST_CASE("frame: refuses to write a payload above the limit", "[protocol][frame]") {
    std::vector<std::byte> out;
    CHECK_NOTHROW(appendFrame(out, MessageType::SnapshotApp, 1, payload(kMaxPayload)));
    CHECK(out.size() == kHeaderSize + kMaxPayload);
    CHECK_THROWS_AS(appendFrame(out, MessageType::SnapshotApp, 1, payload(kMaxPayload + 1)),
                    ProtocolError);
    CHECK(out.size() == kHeaderSize + kMaxPayload);
}

TEST_CASE("frame: comes out whole wherever the stream is split", "[protocol][frame]") {
    std::vector<std::byte> stream;
    appendFrame(stream, MessageType::Ping, 0, payload(8));
    appendFrame(stream, MessageType::Reapply, 0, {});
    appendFrame(stream, MessageType::SnapshotApp, 9, payload(37));

    for (std::size_t split = 0; split <= stream.size(); ++split) {
        std::vector<std::byte> buffer{stream.begin(),
                                      stream.begin() + static_cast<std::ptrdiff_t>(split)};
        std::vector<std::string> seen;
        const auto drain = [&] {
            std::span<const std::byte> rest{buffer};
            while (const auto frame = takeFrame(rest))
                seen.push_back(std::string{toString(frame->header.type)} + "/" +
                               std::to_string(frame->payload.size()));
            buffer.erase(buffer.begin(), buffer.end() - static_cast<std::ptrdiff_t>(rest.size()));
        };
        drain();
        buffer.insert(buffer.end(), stream.begin() + static_cast<std::ptrdiff_t>(split),
                      stream.end());
        drain();
        INFO("split at " << split);
        CHECK(buffer.empty());
        CHECK(seen == std::vector<std::string>{"Ping/8", "Reapply/0", "SnapshotApp/37"});
    }
}

} // namespace mmsd::protocol
