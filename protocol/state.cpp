// SPDX-License-Identifier: MIT
// Look-ups in the state, and the names of its enums.
#include "protocol/state.h"

#include <algorithm>
#include <array>
#include <span>

namespace mmsd::protocol {

std::vector<AppDifference> differences(const Snapshot* before, const Snapshot& after) {
    std::vector<AppDifference> found;
    std::span<const std::shared_ptr<const App>> left;
    if (before != nullptr)
        left = before->apps;
    std::span<const std::shared_ptr<const App>> right{after.apps};
    while (!left.empty() || !right.empty()) {
        const bool areBoth = !left.empty() && !right.empty();
        // First: the apps themselves, which may be in no cache, are looked at only where they
        // differ.
        const bool isSame = areBoth && left.front() == right.front();
        const int order = isSame          ? 0
                          : left.empty()  ? 1
                          : right.empty() ? -1
                                          : left.front()->id.compare(right.front()->id);
        if (!isSame)
            found.push_back(
                {order <= 0 ? left.front() : nullptr, order >= 0 ? right.front() : nullptr});
        left = left.subspan(order <= 0 ? 1 : 0);
        right = right.subspan(order >= 0 ? 1 : 0);
    }
    return found;
}

const std::string* label(const App& app, const Port& port, std::string_view name) noexcept {
    for (const Labels* labels : {&port.labels, &app.labels})
        if (const auto found = labels->find(name); found != labels->end())
            return &found->second;
    return nullptr;
}

std::optional<InstanceEndpoint> endpoint(const Instance& instance, std::size_t index) {
    if (index >= instance.ports.size() || instance.ports[index].number == 0)
        return std::nullopt;
    const InstancePort& port = instance.ports[index];
    if (!port.isOnContainer)
        return InstanceEndpoint{instance.host, &instance.hostAddresses, port.number};
    if (instance.containerAddresses.empty())
        return std::nullopt;
    return InstanceEndpoint{instance.containerAddresses.front().toString(),
                            &instance.containerAddresses, port.number};
}

const App* findApp(const Snapshot& snapshot, std::string_view id) noexcept {
    const auto found = std::ranges::lower_bound(
        snapshot.apps, id, {}, [](const auto& app) { return std::string_view{app->id}; });
    return found != snapshot.apps.end() && (*found)->id == id ? found->get() : nullptr;
}

std::string_view toString(CheckProtocol protocol) noexcept {
    constexpr std::array<std::string_view, 4> kNames{"http", "https", "tcp", "command"};
    return kNames.at(static_cast<std::size_t>(protocol));
}

std::string_view toString(TaskState state) noexcept {
    constexpr std::array<std::string_view, 5> kNames{
        "TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE"};
    return kNames.at(static_cast<std::size_t>(state));
}

std::string_view toString(Health health) noexcept {
    constexpr std::array<std::string_view, 4> kNames{"no_checks", "unknown", "healthy",
                                                     "unhealthy"};
    return kNames.at(static_cast<std::size_t>(health));
}

std::string_view toString(Serving serving) noexcept {
    constexpr std::array<std::string_view, 9> kNames{
        "yes",       "yes_verdict_unknown", "yes_unreachable", "draining",  "not_running",
        "unhealthy", "awaiting_verdict",    "unreachable",     "unresolved"};
    return kNames.at(static_cast<std::size_t>(serving));
}

} // namespace mmsd::protocol
