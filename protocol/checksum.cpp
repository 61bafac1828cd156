// SPDX-License-Identifier: MIT
// Checksum: MurmurHash3 (Austin Appleby, public domain) over 64-bit words.
#include "protocol/checksum.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace mmsd::protocol {

namespace {

std::uint64_t mixWord(std::uint64_t hash, std::uint64_t word) noexcept {
    word *= 0x87c37b91114253d5;
    word = std::rotl(word, 31);
    word *= 0x4cf5ad432745937f;
    return std::rotl(hash ^ word, 27) * 5 + 0x52dce729;
}

std::uint64_t finalize(std::uint64_t hash) noexcept {
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
    return hash ^ (hash >> 33);
}

} // namespace

std::uint64_t Checksum::digest(std::span<const std::byte> payload) noexcept {
    std::uint64_t hash = payload.size();
    while (!payload.empty()) {
        std::uint64_t word = 0;
        const std::size_t size = std::min(payload.size(), sizeof word);
        std::memcpy(&word, payload.data(), size);
        if constexpr (std::endian::native == std::endian::big)
            word = __builtin_bswap64(word);
        hash = mixWord(hash, word);
        payload = payload.subspan(size);
    }
    return finalize(hash);
}

void Checksum::add(std::uint64_t digest) noexcept {
    value_ = finalize(mixWord(value_, digest));
}

} // namespace mmsd::protocol
