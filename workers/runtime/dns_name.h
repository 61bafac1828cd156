// SPDX-License-Identifier: MIT
// Names of the zone in wire form, and how app ids, tasks and addresses become such names. Pure.
#pragma once

#include "common/inet_address.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::dns {

/** Lower-case labels in wire form, without the root's octet: "\3www\4mmsd". A name below the base
 *  name is kept without the base name; the empty one is the base name itself. */
using WireName = std::string;

/** Source: RFC 1035 §2.3.4. */
inline constexpr std::size_t kMaxLabelSize = 63;
inline constexpr std::size_t kMaxNameSize = 255;

/** Octets that names below an app need: "_" and a port name of 62, "_tcp". */
inline constexpr std::size_t kRoomBelowApp = 64 + 5;

/** "www.Mmsd." to wire form: lower case; letters, digits, hyphens and underscores only; the last
 *  dot may be missing; "." is the empty name. Nothing if it is no such name or too long. */
[[nodiscard]] std::optional<WireName> parseName(std::string_view text);

/** One label in wire form, or nothing if it is not one of the same alphabet and 1 to 63 octets. */
[[nodiscard]] std::optional<WireName> parseLabel(std::string_view text);

/** "/path/to/app" to "app.to.path"; a segment with dots is several labels in its own order.
 *  @param baseSize octets of the base name, which must fit behind
 *  @param reason set where nothing is returned */
[[nodiscard]] std::optional<WireName> nameOfApp(std::string_view appId, std::size_t baseSize,
                                                std::string& reason);

/** 40 bits of FNV-1a of a task id: what its label is made from. */
[[nodiscard]] std::uint64_t instanceHash(std::string_view taskId) noexcept;
/** "i" and 8 digits of base 32: always ten octets with the length octet, so that all records of
 *  an SRV RRset have the same size. Only the low 40 bits count. */
[[nodiscard]] WireName instanceLabel(std::uint64_t hash);

/** The name that PTR queries ask for, complete. Source: RFC 1035 §3.5, RFC 3596 §2.5. */
[[nodiscard]] WireName reverseName(const IpAddress& address);

/** "www.mmsd" for logs, without the last dot; octets outside the alphabet of parseName() and the
 *  dot are written as \DDD (RFC 1035 §5.1). */
[[nodiscard]] std::string toText(std::string_view name);

/** The labels of @p name from its first to its last, each with its length octet. */
[[nodiscard]] std::vector<std::string_view> splitLabels(std::string_view name);

} // namespace mmsd::dns
