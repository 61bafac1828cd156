// SPDX-License-Identifier: MIT
// What the zone says of one app: its names and their records as plain values. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/runtime/dns_name.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::dns {

/** What owns a name; where two owners claim one, the smaller kind has it: the target of an SRV
 *  record must never lead to another app. Zone: its own names, which have no app. */
enum class NameKind : std::uint8_t { Instance, App, Port, Zone };

/** Where an SRV record leads: an instance, or the part of it that is on one network. */
struct Target {
    WireName name;                    ///< relative to the base name
    std::vector<IpAddress> addresses; ///< sorted, unique; may be empty
};

struct ServiceRecord {
    std::uint16_t port = 0;
    std::uint32_t target = 0; ///< index into AppRecords::targets
};

/** One name with its records. */
struct NameRecords {
    NameKind kind = NameKind::App;
    WireName name;                                 ///< relative to the base name
    std::vector<IpAddress> addresses;              ///< A and AAAA; sorted, unique
    std::vector<ServiceRecord> services;           ///< SRV
    std::vector<std::string> texts;                ///< character-strings of the one TXT record
    std::uint16_t portIndex = protocol::kWholeApp; ///< whose refusal it is, if it is lost
};

struct AppRecords {
    std::vector<Target> targets;
    std::vector<NameRecords> names; ///< the app's own first; unique
    std::vector<protocol::Refusal> refusals;
    bool isAllUnhealthy = false; ///< nothing serves, so everything that runs is answered
};

/** Derives the records of @p app. Source: CONTRACT sections 2 and 6.
 *  @param baseSize octets of the base name */
[[nodiscard]] AppRecords makeAppRecords(const protocol::App& app, std::size_t baseSize);

} // namespace mmsd::dns
