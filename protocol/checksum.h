// SPDX-License-Identifier: MIT
// The checksum of a snapshot: finds mix-ups and torn files, no protection against malice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mmsd::protocol {

/** Folds the digests of payloads, in their order; fed with each payload between
 *  SnapshotBegin and SnapshotEnd. Length and place of every octet count. */
class Checksum {
public:
    /** MurmurHash3's first 64-bit lane and finalizer over little-endian words, seeded with the
     *  length; the last word is padded with zeros. */
    [[nodiscard]] static std::uint64_t digest(std::span<const std::byte> payload) noexcept;

    void update(std::span<const std::byte> payload) noexcept { add(digest(payload)); }
    /** The same for a payload whose digest is known. */
    void add(std::uint64_t digest) noexcept;
    [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

private:
    std::uint64_t value_ = 0;
};

} // namespace mmsd::protocol
