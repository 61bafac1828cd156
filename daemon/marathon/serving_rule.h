// SPDX-License-Identifier: MIT
// Which tasks are served: CONTRACT section 2. Pure.
#pragma once

#include "daemon/marathon/marathon_app.h"

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>

namespace mmsd::marathon {

using TimePoint = std::chrono::steady_clock::time_point;

/** One moment on both clocks: the steady one decides, the wall clock reads foreign timestamps. */
struct Now {
    TimePoint steady;
    WallTime wall;
};

/** What is remembered of a task from one look at it to the next. */
struct TaskMemory {
    bool wasServing = false;
    bool wasUnhealthy = false; ///< Marathon's last verdict
    std::optional<TimePoint> runningSince;
    std::optional<TimePoint> unreachableSince;
    std::optional<TimePoint> missingSince;
};

/** A decision, and when it has to be taken anew although nothing is heard of the task. */
struct Decision {
    protocol::Serving serving = protocol::Serving::NotRunning;
    std::optional<TimePoint> until;
};

/** Decides about one task, its addresses left aside, and updates what is remembered of it. */
[[nodiscard]] Decision decideServing(const MarathonApp& app, const MarathonTask& task,
                                     TaskMemory& memory, const Now& now);

/** What is remembered of the tasks of one app, by task id. */
class AppMemory {
public:
    [[nodiscard]] TaskMemory& at(const std::string& taskId) { return tasks_[taskId]; }
    /** Takes over what an earlier run of the watcher decided. */
    void restore(const protocol::Instance& instance);
    /** Forgets tasks that have been missing in @p app for a while; not at once: after a change of
     *  leader Marathon forgets tasks, too. */
    void forgetMissing(const MarathonApp& app, TimePoint now);

private:
    std::unordered_map<std::string, TaskMemory> tasks_;
};

/** How long tasks and apps that Marathon no longer tells of are remembered. */
inline constexpr std::chrono::minutes kMemoryOfMissing{10};

} // namespace mmsd::marathon
