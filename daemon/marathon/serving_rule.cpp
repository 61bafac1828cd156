// SPDX-License-Identifier: MIT
// Which tasks are served: CONTRACT section 2. Pure.
#include "daemon/marathon/serving_rule.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace mmsd::marathon {

namespace {

using protocol::Health;
using protocol::Serving;
using protocol::TaskState;

Decision decideUnreachable(const MarathonApp& app, const MarathonTask& task, TaskMemory& memory,
                           TimePoint now) {
    if (!memory.unreachableSince)
        memory.unreachableSince = now;
    const TimePoint end = *memory.unreachableSince + app.unreachableHold;
    // Kept while nothing else is known: an unhealthy verdict is something else.
    if (memory.wasServing && task.health != Health::Unhealthy && now < end)
        return {Serving::YesUnreachable, end};
    memory.wasServing = false;
    return {task.health == Health::Unhealthy ? Serving::Unhealthy : Serving::Unreachable, {}};
}

Decision decideWithoutVerdict(const MarathonApp& app, TaskMemory& memory, TimePoint now) {
    // What served goes on serving: a change of leader must never empty a backend.
    if (memory.wasServing)
        return {Serving::YesVerdictUnknown, {}};
    if (memory.wasUnhealthy)
        return {Serving::Unhealthy, {}};
    const TimePoint end = *memory.runningSince + app.gracePeriod;
    if (now < end)
        return {Serving::AwaitingVerdict, end};
    memory.wasServing = true;
    return {Serving::YesVerdictUnknown, {}};
}

Decision decideRunning(const MarathonApp& app, const MarathonTask& task, TaskMemory& memory,
                       const Now& now) {
    memory.unreachableSince.reset();
    if (!memory.runningSince) {
        // The watcher may be younger than the task; a clock that is ahead of ours counts as now.
        const auto age = task.startedAt ? std::max(now.wall - *task.startedAt, WallTime::duration{})
                                        : WallTime::duration{};
        memory.runningSince = now.steady - age;
    }
    if (task.health == Health::Unknown)
        return decideWithoutVerdict(app, memory, now.steady);
    memory.wasUnhealthy = task.health == Health::Unhealthy;
    memory.wasServing = !memory.wasUnhealthy;
    return {memory.wasServing ? Serving::Yes : Serving::Unhealthy, {}};
}

} // namespace

Decision decideServing(const MarathonApp& app, const MarathonTask& task, TaskMemory& memory,
                       const Now& now) {
    switch (task.state) {
    case TaskState::Running:
        return decideRunning(app, task, memory, now);
    case TaskState::Unreachable:
        return decideUnreachable(app, task, memory, now.steady);
    case TaskState::Killing:
        memory.wasServing = false;
        return {Serving::Draining, {}};
    case TaskState::Staging:
    case TaskState::Starting:
        break;
    }
    memory.wasServing = false;
    return {Serving::NotRunning, {}};
}

void AppMemory::restore(const protocol::Instance& instance) {
    TaskMemory& memory = at(instance.taskId);
    memory.wasServing = isServing(instance) || instance.serving == Serving::Unresolved;
    memory.wasUnhealthy = instance.serving == Serving::Unhealthy;
}

void AppMemory::forgetMissing(const MarathonApp& app, TimePoint now) {
    if (tasks_.size() == app.tasks.size())
        return; // each task of the app has an entry, so there is no other
    std::unordered_set<std::string_view> present;
    for (const MarathonTask& task : app.tasks)
        present.insert(task.id);
    for (auto entry = tasks_.begin(); entry != tasks_.end();) {
        TaskMemory& memory = entry->second;
        if (present.contains(entry->first))
            memory.missingSince.reset();
        else if (!memory.missingSince)
            memory.missingSince = now;
        const bool isOld = memory.missingSince && now - *memory.missingSince >= kMemoryOfMissing;
        entry = isOld ? tasks_.erase(entry) : std::next(entry);
    }
}

} // namespace mmsd::marathon
