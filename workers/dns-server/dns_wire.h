// SPDX-License-Identifier: MIT
// Numbers and octets of the DNS message format.
#pragma once

#include "workers/runtime/dns_name.h"

#include <cstddef>
#include <cstdint>

namespace mmsd::dns {

/** Source: RFC 1035 §4.1.1, §4.2.1; the sizes of names stand beside their form. */
inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxMessageSize = 65'535;
inline constexpr std::size_t kPlainUdpSize = 512;
/** Type, class, TTL, data length behind the owner name. */
inline constexpr std::size_t kRecordFixedSize = 10;
/** An OPT record without options. Source: RFC 6891 §6.1.2. */
inline constexpr std::size_t kOptSize = 11;
inline constexpr std::uint8_t kPointerBits = 0xc0;

inline constexpr std::uint16_t kClassIn = 1;

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeNs = 2;
inline constexpr std::uint16_t kTypeSoa = 6;
inline constexpr std::uint16_t kTypePtr = 12;
inline constexpr std::uint16_t kTypeTxt = 16;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kTypeSrv = 33;
inline constexpr std::uint16_t kTypeOpt = 41;
inline constexpr std::uint16_t kTypeTsig = 250;
inline constexpr std::uint16_t kTypeIxfr = 251;
inline constexpr std::uint16_t kTypeAxfr = 252;
inline constexpr std::uint16_t kTypeAny = 255;
/** First of the types that stand in queries only. Source: RFC 6895 §3.1. */
inline constexpr std::uint16_t kFirstQueryType = 128;

/** Response codes; those above 15 need EDNS. Source: RFC 6895 §2.3. */
enum class Rcode : std::uint8_t {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    NotAuth = 9,
    BadVers = 16,
};

/** Bits of the second 16-bit word of a header. Source: RFC 1035 §4.1.1, RFC 4035 §3.1.6. */
inline constexpr std::uint16_t kFlagResponse = 0x8000;
inline constexpr std::uint16_t kFlagsOpcode = 0x7800;
inline constexpr std::uint16_t kFlagAuthoritative = 0x0400;
inline constexpr std::uint16_t kFlagTruncated = 0x0200;
inline constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
inline constexpr std::uint16_t kFlagCheckingDisabled = 0x0010;
/** Of an OPT record's TTL field. Source: RFC 3225. */
inline constexpr std::uint16_t kEdnsFlagDnssecOk = 0x8000;

[[nodiscard]] inline std::uint16_t getU16(const std::uint8_t* at) noexcept {
    return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

inline void putU16(std::uint8_t* at, std::size_t value) noexcept {
    at[0] = static_cast<std::uint8_t>(value >> 8);
    at[1] = static_cast<std::uint8_t>(value);
}

} // namespace mmsd::dns
