// SPDX-License-Identifier: MIT
// One filled-in value of each message, for golden frames and robustness tests.
#pragma once

#include "protocol/frame.h"
#include "protocol/state_codec.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mmsd::protocol::samples {

[[nodiscard]] Hello hello();
[[nodiscard]] Ready ready();
[[nodiscard]] SnapshotBegin snapshotBegin();
[[nodiscard]] SnapshotEnd snapshotEnd();
[[nodiscard]] SnapshotApplied snapshotApplied();
[[nodiscard]] ProcessStatus processStatus();
[[nodiscard]] SourceStatus sourceStatus();
[[nodiscard]] StatusReport statusReport();
/** Uses every member of App, Port, HealthCheck and Problem; two instances. */
[[nodiscard]] App app();
/** An app of that id with @p instances instances on one port. */
[[nodiscard]] App plainApp(const std::string& id, std::size_t instances = 1);
/** The frames of a snapshot of @p apps, which are sorted by id. */
[[nodiscard]] std::vector<std::byte> encodeFrames(std::uint64_t generation,
                                                  const std::vector<App>& apps);

/** The frames that turn the state @p before, of generation @p base, into @p after. */
[[nodiscard]] std::vector<std::byte> encodeChanges(std::uint64_t generation, std::uint64_t base,
                                                   const std::vector<App>& before,
                                                   const std::vector<App>& after);

/** A payload and its decoder, for tests that run over all of them. */
struct SamplePayload {
    std::string name; ///< file name in tests/golden/frames
    MessageType type;
    std::uint64_t generation;
    Payload payload;
    /** Decodes and encodes again. */
    std::function<Payload(PayloadView)> recode;
};
[[nodiscard]] std::vector<SamplePayload> payloads();

} // namespace mmsd::protocol::samples
