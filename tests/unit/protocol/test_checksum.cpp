// SPDX-License-Identifier: MIT
// Tests of Checksum.
#include "protocol/checksum.h"
#include "tests/support/catch.h"

#include <set>
#include <vector>

namespace mmsd::protocol {

namespace {

using Bytes = std::vector<std::byte>;

std::uint64_t checksumOf(const std::vector<Bytes>& payloads) {
    Checksum checksum;
    for (const Bytes& payload : payloads)
        checksum.update(payload);
    return checksum.value();
}

} // namespace

TEST_CASE("checksum: has fixed values", "[protocol][checksum]") {
    const Bytes ten(10, std::byte{0x41});
    CHECK(Checksum{}.value() == 0);
    CHECK(Checksum::digest({}) == 0);
    CHECK(Checksum::digest(ten) == 0x8420794a028e9838);
    CHECK(checksumOf({ten, ten}) == 0x48ff874f2c50fe0a);
}

TEST_CASE("checksum: add() of a digest equals update()", "[protocol][checksum]") {
    const Bytes bytes(33, std::byte{7});
    Checksum byDigest;
    byDigest.add(Checksum::digest(bytes));
    CHECK(byDigest.value() == checksumOf({bytes}));
}

TEST_CASE("checksum: order, length and borders of payloads count", "[protocol][checksum]") {
    const Bytes a(8, std::byte{1});
    const Bytes b(8, std::byte{2});
    Bytes ab = a;
    ab.insert(ab.end(), b.begin(), b.end());
    const std::set<std::uint64_t> different{
        checksumOf({}),         checksumOf({Bytes{}}),  checksumOf({a, b}),
        checksumOf({b, a}),     checksumOf({ab}),       checksumOf({a}),
        checksumOf({Bytes(1)}), checksumOf({Bytes(2)}), checksumOf({Bytes(9)}),
    };
    CHECK(different.size() == 9);
}

TEST_CASE("checksum: one or two changed bits anywhere change it", "[protocol][checksum]") {
    constexpr std::size_t kSize = 24;
    std::set<std::uint64_t> seen;
    std::size_t variants = 0;
    for (std::size_t i = 0; i < kSize * 8; ++i)
        for (std::size_t j = i; j < kSize * 8; ++j) {
            Bytes bytes(kSize, std::byte{0x5a});
            bytes[i / 8] ^= std::byte{1} << (i % 8);
            if (j != i)
                bytes[j / 8] ^= std::byte{1} << (j % 8);
            seen.insert(Checksum::digest(bytes));
            ++variants;
        }
    CHECK(seen.size() == variants);
}

} // namespace mmsd::protocol
