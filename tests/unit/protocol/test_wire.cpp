// SPDX-License-Identifier: MIT
// Tests of WireReader and WireWriter.
#include "protocol/protocol_error.h"
#include "protocol/wire_reader.h"
#include "protocol/wire_writer.h"
#include "tests/support/catch.h"

#include <limits>
#include <string>

namespace mmsd::protocol {

namespace {

std::vector<std::byte> octets(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (const int value : values)
        bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

} // namespace

TEST_CASE("wire: numbers are little endian", "[protocol][wire]") {
    WireWriter writer;
    writer.u8(0x01);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    CHECK(writer.take() == octets({0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f, 0x0e, 0x0d, 0x0c,
                                   0x0b, 0x0a, 0x09, 0x08}));
    CHECK(writer.size() == 0);
}

TEST_CASE("wire: reads what was written", "[protocol][wire]") {
    WireWriter writer;
    writer.u8(0xff);
    writer.u16(0xfffe);
    writer.u32(0xfffffffd);
    writer.u64(0xfffffffffffffffc);
    writer.boolean(true);
    writer.string("text");
    writer.string("");
    writer.count(1);
    writer.u8(9);

    WireReader reader{writer.view()};
    CHECK(reader.u8() == 0xff);
    CHECK(reader.u16() == 0xfffe);
    CHECK(reader.u32() == 0xfffffffd);
    CHECK(reader.u64() == 0xfffffffffffffffc);
    CHECK(reader.boolean());
    CHECK(reader.string(4) == "text");
    CHECK(reader.string(0).empty());
    CHECK_THROWS_AS(reader.expectEnd(), ProtocolError);
    CHECK(reader.count(1, 1) == 1);
    CHECK(reader.u8() == 9);
    CHECK_NOTHROW(reader.expectEnd());
}

TEST_CASE("wire: a missing octet is an error", "[protocol][wire]") {
    const auto bytes = octets({1, 2, 3, 4, 5, 6, 7});
    CHECK_THROWS_AS(WireReader{std::span{bytes}.first(0)}.u8(), ProtocolError);
    CHECK_THROWS_AS(WireReader{std::span{bytes}.first(1)}.u16(), ProtocolError);
    CHECK_THROWS_AS(WireReader{std::span{bytes}.first(3)}.u32(), ProtocolError);
    CHECK_THROWS_AS(WireReader{bytes}.u64(), ProtocolError);
    CHECK_THROWS_AS(WireReader{bytes}.bytes(8), ProtocolError);
    CHECK_THROWS_AS(WireReader{bytes}.bytes(std::numeric_limits<std::size_t>::max()),
                    ProtocolError);
}

TEST_CASE("wire: a boolean is 0 or 1", "[protocol][wire]") {
    const auto bytes = octets({2});
    CHECK_THROWS_AS(WireReader{bytes}.boolean(), ProtocolError);
}

TEST_CASE("wire: a string obeys its limit and the bytes left", "[protocol][wire]") {
    const auto bytes = octets({3, 0, 'a', 'b', 'c'});
    CHECK(WireReader{bytes}.string(3) == "abc");
    CHECK_THROWS_WITH(WireReader{bytes}.string(2), mmsd::test::containsText("2 octets"));
    CHECK_THROWS_AS(WireReader{std::span{bytes}.first(4)}.string(3), ProtocolError);
}

TEST_CASE("wire: a count is checked before anyone allocates", "[protocol][wire]") {
    auto bytes = octets({3, 0, 0, 0});
    bytes.resize(4 + 6);
    CHECK(WireReader{bytes}.count(3, 2) == 3);
    CHECK_THROWS_AS(WireReader{bytes}.count(2, 2), ProtocolError);
    CHECK_THROWS_AS(WireReader{bytes}.count(3, 3), ProtocolError);
    const auto huge = octets({0xff, 0xff, 0xff, 0xff});
    CHECK_THROWS_AS(WireReader{huge}.count(std::numeric_limits<std::size_t>::max(), 1),
                    ProtocolError);
}

TEST_CASE("wire: writer refuses a string that its length field cannot tell", "[protocol][wire]") {
    WireWriter writer;
    CHECK_NOTHROW(writer.string(std::string(65'535, 'x')));
    CHECK_THROWS_AS(writer.string(std::string(65'536, 'x')), ProtocolError);
}

} // namespace mmsd::protocol
