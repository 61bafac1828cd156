// SPDX-License-Identifier: MIT
// Apps and instances to and from payloads.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/state.h"

#include <cstdint>
#include <vector>

namespace mmsd::protocol {

/** One app as payloads: one SnapshotApp, then SnapshotInstances as many as needed.
 *  Equal apps have equal bytes. */
struct EncodedApp {
    Payload app;
    std::vector<Payload> instances; ///< each at most kMaxPayload
    std::uint32_t instanceCount = 0;
    std::uint64_t checksum = 0; ///< of all payloads: equal apps have equal ones

    [[nodiscard]] std::size_t payloadBytes() const noexcept;
};

/** @throws ProtocolError naming the limit, if the app cannot be carried (see limits.h) */
[[nodiscard]] EncodedApp encodeApp(const App& app);

/** An app without its instances, and how many of them follow. */
struct DecodedApp {
    App app;
    std::uint32_t instanceCount = 0;
};

/** @throws ProtocolError on any breach of format or limits */
[[nodiscard]] DecodedApp decodeApp(PayloadView payload);
/** Appends to @p app; checks that each instance has one port entry per port of the app. */
void decodeInstances(PayloadView payload, App& app);

/** One element of a transaction: a new or changed app, or the id of one that is gone. */
struct EncodedChange {
    std::string_view id;
    const EncodedApp* app = nullptr; ///< null = removed
};

/** The payload of SnapshotRemoved. */
[[nodiscard]] Payload encodeRemoved(std::string_view id);
[[nodiscard]] std::string decodeRemoved(PayloadView payload);

/** Adds an app to what a state adds up to, or takes it out. */
void addTo(StateTotals& state, const EncodedApp& app) noexcept;
void takeFrom(StateTotals& state, const EncodedApp& app) noexcept;

/** A transaction as contiguous frames, ready for the wire or for a file.
 *  @param begin   its base says what it is; version and counts are filled in here
 *  @param changes rising by id
 *  @param state   after it
 *  @throws ProtocolError if a limit of a snapshot is exceeded */
[[nodiscard]] std::vector<std::byte> encodeTransaction(std::uint64_t generation,
                                                       SnapshotBegin begin,
                                                       const std::vector<EncodedChange>& changes,
                                                       const StateTotals& state);
/** The same for a whole state. @param apps sorted by id */
[[nodiscard]] std::vector<std::byte> encodeSnapshot(std::uint64_t generation, SnapshotBegin begin,
                                                    const std::vector<const EncodedApp*>& apps);

} // namespace mmsd::protocol
