// SPDX-License-Identifier: MIT
// What differs between two snapshots. Pure.
#include "workers/api-server/state_changes.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mmsd::api {

namespace {

std::vector<InstanceChange> compareInstances(const protocol::App* before,
                                             const protocol::App* after) {
    std::vector<InstanceChange> changes;
    std::unordered_map<std::string_view, const protocol::Instance*> known;
    if (before != nullptr)
        for (const protocol::Instance& instance : before->instances)
            known.emplace(instance.taskId, &instance);
    if (after != nullptr)
        for (const protocol::Instance& instance : after->instances) {
            const auto same = known.find(instance.taskId);
            const protocol::Instance* old = same == known.end() ? nullptr : same->second;
            if (old != nullptr)
                known.erase(same);
            if (old == nullptr || *old != instance)
                changes.push_back({old, &instance});
        }
    if (before != nullptr)
        for (const protocol::Instance& instance : before->instances)
            if (known.contains(instance.taskId))
                changes.push_back({&instance, nullptr});
    return changes;
}

bool differApartFromInstances(const protocol::App& a, const protocol::App& b) {
    return a.version != b.version || a.labels != b.labels || a.ports != b.ports ||
           a.problems != b.problems;
}

} // namespace

std::vector<AppChange> compareSnapshots(const protocol::Snapshot* before,
                                        const protocol::Snapshot& after) {
    std::vector<AppChange> changes;
    const auto add = [&changes](const protocol::App* old, const protocol::App* fresh) {
        AppChange change{old, fresh,
                         old == nullptr || fresh == nullptr ||
                             differApartFromInstances(*old, *fresh),
                         compareInstances(old, fresh)};
        if (change.isAppChanged || !change.instances.empty())
            changes.push_back(std::move(change));
    };
    for (const auto& [old, fresh] : protocol::differences(before, after))
        add(old.get(), fresh.get());
    return changes;
}

std::chrono::duration<double> observedAge(const protocol::Snapshot& snapshot,
                                          const ApiTime& now) noexcept {
    if (snapshot.begin.observedAtUs == 0)
        return {}; // not known
    const std::chrono::microseconds observed{
        static_cast<std::chrono::microseconds::rep>(snapshot.begin.observedAtUs)};
    return std::max(now.realtime - observed, std::chrono::microseconds{0});
}

ChangeCounts count(const std::vector<AppChange>& changes) noexcept {
    ChangeCounts counts;
    counts.apps = changes.size();
    for (const AppChange& change : changes)
        for (const InstanceChange& instance : change.instances)
            ++(instance.before == nullptr  ? counts.added
               : instance.after == nullptr ? counts.removed
                                           : counts.changed);
    return counts;
}

} // namespace mmsd::api
