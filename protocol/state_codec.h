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

/** A complete transaction as contiguous frames, ready for the wire or for a file.
 *  @param apps  sorted by id
 *  @param begin counts and version are filled in here
 *  @throws ProtocolError if a limit of the whole snapshot is exceeded */
[[nodiscard]] std::vector<std::byte> encodeSnapshot(std::uint64_t generation, SnapshotBegin begin,
                                                    const std::vector<const EncodedApp*>& apps);

} // namespace mmsd::protocol
