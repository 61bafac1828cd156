// SPDX-License-Identifier: MIT
// Marathon's events, as far as they say what to fetch anew. Pure.
#include "daemon/marathon/event.h"

#include "common/text.h"
#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/json.h"

#include <algorithm>
#include <array>

namespace mmsd::marathon {

namespace {

/** How the apps of an event are found. */
enum class Source : std::uint8_t { None, AppId, RunSpecId, Definition, PodUri, Plan, All, AllSoon };

struct Kind {
    std::string_view type;
    Source source;
};

/** Those with an effect first: they are what the stream is asked for. */
constexpr std::array<Kind, 33> kKinds{{
    {"status_update_event", Source::AppId},
    {"health_status_changed_event", Source::AppId},
    {"app_terminated_event", Source::AppId},
    {"unhealthy_task_kill_event", Source::AppId},
    {"unhealthy_instance_kill_event", Source::AppId},
    {"instance_changed_event", Source::RunSpecId},
    {"instance_health_changed_event", Source::RunSpecId},
    {"api_post_event", Source::Definition},
    {"pod_created_event", Source::PodUri},
    {"pod_updated_event", Source::PodUri},
    {"pod_deleted_event", Source::PodUri},
    {"deployment_success", Source::Plan},
    {"deployment_failed", Source::Plan},
    {"group_change_success", Source::AllSoon},
    {"scheduler_registered_event", Source::All},
    {"scheduler_reregistered_event", Source::All},

    {"scheduler_disconnected_event", Source::None},
    {"deployment_info", Source::None},
    {"deployment_step_success", Source::None},
    {"deployment_step_failure", Source::None},
    {"group_change_failed", Source::None},
    {"failed_health_check_event", Source::None},
    {"add_health_check_event", Source::None},
    {"remove_health_check_event", Source::None},
    {"unknown_task_terminated_event", Source::None},
    {"unknown_instance_terminated_event", Source::None},
    {"framework_message_event", Source::None},
    {"event_stream_attached", Source::None},
    {"event_stream_detached", Source::None},
    {"subscribe_event", Source::None},
    {"unsubscribe_event", Source::None},
    {"mesos_framework_message_event", Source::None},
    {"terminated_unreachable_instance", Source::None},
}};
constexpr std::size_t kWantedCount = 16;

constexpr std::array<std::string_view, kWantedCount> kWanted = [] {
    std::array<std::string_view, kWantedCount> names{};
    for (std::size_t i = 0; i < kWantedCount; ++i)
        names[i] = kKinds[i].type;
    return names;
}();

void addApp(JsonValue id, Event& event) {
    const auto text = id.string();
    auto path = text ? normalizeAppId(*text) : std::nullopt;
    if (path && std::ranges::find(event.appIds, *path) == event.appIds.end())
        event.appIds.push_back(*std::move(path));
}

/** "/v2/pods/ID", behind whatever prefix; the creation of a pod has no id there. */
void addPod(JsonValue uri, Event& event) {
    constexpr std::string_view kPods = "/v2/pods/";
    const std::string_view text = uri.string().value_or("");
    const std::size_t place = text.find(kPods);
    std::string_view id = place == std::string_view::npos ? "" : text.substr(place + kPods.size());
    id = id.substr(0, id.find_first_of("?%:")); // a query, an escape, "::status"
    id.remove_prefix(std::min(id.find_first_not_of('/'), id.size()));
    const auto path = normalizeAppId(id);
    if (path)
        event.appIds.push_back(*path);
    else
        event.effect = EventEffect::EverythingSoon;
}

/** Steps are objects with actions, or lists of actions (before 1.0). */
void addPlan(JsonValue plan, Event& event) {
    for (const JsonValue step : plan["steps"].elements()) {
        const auto actions = step.isArray() ? step.elements() : step["actions"].elements();
        for (const JsonValue action : actions) {
            addApp(action["app"], event);
            addApp(action["pod"], event);
        }
    }
}

Event readEvent(JsonValue json) {
    const std::string_view type = json["eventType"].string().value_or("");
    const auto* const kind = std::ranges::find(kKinds, type, &Kind::type);
    if (kind == kKinds.end())
        return {.type = "other", .effect = EventEffect::None, .appIds = {}};

    Event event{.type = std::string{type}, .effect = EventEffect::None, .appIds = {}};
    switch (kind->source) {
    case Source::None:
        return event;
    case Source::AppId:
        addApp(json["appId"], event);
        break;
    case Source::RunSpecId:
        addApp(json["runSpecId"], event);
        break;
    case Source::Definition:
        addApp(json["appDefinition"]["id"], event);
        break;
    case Source::PodUri:
        addPod(json["uri"], event);
        break;
    case Source::Plan:
        addPlan(json["plan"], event);
        if (!json["plan"].isObject()) // very old: only the deployment's id
            event.effect = EventEffect::EverythingSoon;
        break;
    case Source::All:
        event.effect = EventEffect::Everything;
        break;
    case Source::AllSoon:
        event.effect = EventEffect::EverythingSoon;
        break;
    }
    if (!event.appIds.empty())
        event.effect = EventEffect::Apps;
    return event;
}

} // namespace

std::span<const std::string_view> wantedEventTypes() noexcept {
    return kWanted;
}

std::vector<Event> parseEvents(std::string_view data) {
    std::vector<Event> events;
    for (data = trim(data); !data.empty();)
        events.push_back(readEvent(JsonDocument::takeFirst(data).root()));
    return events;
}

} // namespace mmsd::marathon
