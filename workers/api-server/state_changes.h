// SPDX-License-Identifier: MIT
// What differs between two snapshots. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/api-server/api_state.h"

#include <chrono>
#include <cstddef>
#include <vector>

namespace mmsd::api {

/** An instance that came (no before), went (no after) or changed. Borrowed from the snapshots. */
struct InstanceChange {
    const protocol::Instance* before = nullptr;
    const protocol::Instance* after = nullptr;
};

/** An app that came, went or changed, with those of its instances that did. */
struct AppChange {
    const protocol::App* before = nullptr;
    const protocol::App* after = nullptr;
    bool isAppChanged = false; ///< it came, went, or something but its instances changed
    std::vector<InstanceChange> instances;

    [[nodiscard]] const protocol::App& app() const noexcept { return after ? *after : *before; }
};

/** Changes by app id. Unchanged apps, being the same objects, cost one comparison.
 *  @param before null: nothing was there */
[[nodiscard]] std::vector<AppChange> compareSnapshots(const protocol::Snapshot* before,
                                                      const protocol::Snapshot& after);

/** From when the watcher learned of what led to @p snapshot until @p now. */
[[nodiscard]] std::chrono::duration<double> observedAge(const protocol::Snapshot& snapshot,
                                                        const ApiTime& now) noexcept;

/** How many of each, for one log line. */
struct ChangeCounts {
    std::size_t apps = 0;
    std::size_t added = 0; ///< instances
    std::size_t removed = 0;
    std::size_t changed = 0;
};
[[nodiscard]] ChangeCounts count(const std::vector<AppChange>& changes) noexcept;

} // namespace mmsd::api
