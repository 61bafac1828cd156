// SPDX-License-Identifier: MIT
// EventLog: the latest changes as server-sent events. Pure.
#include "workers/api-server/event_log.h"

#include "common/text.h"
#include "workers/api-server/json_writer.h"

#include <algorithm>
#include <utility>

namespace mmsd::api {

namespace {

/** Octets: who has missed more than this reads all anew instead. */
constexpr std::size_t kMaxReplay = std::size_t{512} << 10;

/** One event. Source: HTML standard, "Server-sent events"; JSON has no line ends inside.
 *  @param id "" = that of the event before stays in force */
void appendEvent(std::string& out, std::string_view name, std::string_view id, JsonWriter data) {
    out.append("event: ").append(name).append("\n");
    if (!id.empty())
        out.append("id: ").append(id).append("\n");
    out.append("data: ").append(std::move(data).take()).append("\n\n");
}

std::string_view kindOf(const void* before, const void* after) noexcept {
    return before == nullptr ? "added" : after == nullptr ? "removed" : "changed";
}

void writeVerdict(JsonWriter& json, const protocol::Instance& instance) {
    json.member("serving", protocol::isServing(instance));
    json.member("reason", toString(instance.serving));
    json.member("state", toString(instance.state));
    json.member("health", toString(instance.health));
}

void appendInstanceEvent(std::string& out, const InstanceChange& change, const protocol::App& app,
                         std::uint64_t generation) {
    const protocol::Instance& instance = change.after ? *change.after : *change.before;
    JsonWriter json;
    json.beginObject();
    json.member("generation", generation);
    json.member("app", app.id);
    json.member("change", kindOf(change.before, change.after));
    json.member("task", instance.taskId);
    json.member("agent", instance.agentId);
    json.member("host", instance.host);
    json.key("ports");
    json.beginArray();
    for (const protocol::InstancePort& port : instance.ports)
        json.value(port.number);
    json.endArray();
    writeVerdict(json, instance);
    if (change.before != nullptr && change.after != nullptr) {
        json.key("before");
        json.beginObject();
        writeVerdict(json, *change.before);
        json.endObject();
    }
    json.endObject();
    appendEvent(out, "instance", "", std::move(json));
}

void appendAppEvent(std::string& out, const AppChange& change, std::uint64_t generation) {
    const protocol::App& app = change.app();
    JsonWriter json;
    json.beginObject();
    json.member("generation", generation);
    json.member("app", app.id);
    json.member("change", kindOf(change.before, change.after));
    json.member("version", app.version);
    json.member("instances", app.instances.size());
    json.endObject();
    appendEvent(out, "app", "", std::move(json));
}

void appendClosingEvent(std::string& out, std::string_view id, const ChangeCounts& counts,
                        const protocol::Snapshot& after, const ApiTime& now) {
    JsonWriter json;
    json.beginObject();
    json.member("generation", after.generation);
    json.member("cause", after.begin.cause);
    json.member("observed_at_us", after.begin.observedAtUs);
    json.member("delay_seconds", observedAge(after, now).count());
    json.member("apps", counts.apps);
    json.member("instances_added", counts.added);
    json.member("instances_removed", counts.removed);
    json.member("instances_changed", counts.changed);
    json.endObject();
    appendEvent(out, "generation", id, std::move(json));
}

std::string makeReset(std::string_view id, std::uint64_t generation, std::string_view reason) {
    JsonWriter json;
    json.beginObject();
    json.member("generation", generation);
    json.member("reason", reason);
    json.endObject();
    std::string text;
    appendEvent(text, "reset", id, std::move(json));
    return text;
}

std::string_view trimSlashes(std::string_view path) noexcept {
    while (path.starts_with('/'))
        path.remove_prefix(1);
    while (path.ends_with('/'))
        path.remove_suffix(1);
    return path;
}

} // namespace

bool isBelow(std::string_view appId, std::string_view prefix) noexcept {
    appId = trimSlashes(appId);
    prefix = trimSlashes(prefix);
    return prefix.empty() || (appId.starts_with(prefix) &&
                              (appId.size() == prefix.size() || appId[prefix.size()] == '/'));
}

GenerationEvents::GenerationEvents(std::string id, const std::vector<AppChange>& changes,
                                   const protocol::Snapshot& after, const ApiTime& now)
    : id_{std::move(id)}, generation_{after.generation} {
    std::string text;
    for (const AppChange& change : changes) {
        if (change.isAppChanged)
            appendAppEvent(text, change, generation_);
        for (const InstanceChange& instance : change.instances)
            appendInstanceEvent(text, instance, change.app(), generation_);
        parts_.push_back({change.app().id, text.size()});
        if (text.size() > kMaxText)
            break;
    }
    isReset_ = text.size() > kMaxText;
    if (isReset_) {
        parts_ = {};
        text = makeReset(id_, generation_, "too much changed at once");
    } else {
        appendClosingEvent(text, id_, count(changes), after, now);
    }
    text_ = std::make_shared<const std::string>(std::move(text));
}

SharedText GenerationEvents::textFor(std::string_view prefix) const {
    if (isReset_ || trimSlashes(prefix).empty())
        return text_;
    std::string text;
    std::size_t begin = 0;
    for (const Part& part : parts_) {
        if (isBelow(part.appId, prefix))
            text.append(*text_, begin, part.end - begin);
        begin = part.end;
    }
    if (text.empty())
        return nullptr;
    text.append(*text_, begin);
    return std::make_shared<const std::string>(std::move(text));
}

void EventLog::begin(std::uint64_t generation) {
    events_.clear();
    octets_ = 0;
    firstGeneration_ = lastGeneration_ = generation;
    hasBegun_ = true;
}

const GenerationEvents& EventLog::record(const std::vector<AppChange>& changes,
                                         const protocol::Snapshot& after, const ApiTime& now) {
    lastGeneration_ = after.generation;
    events_.emplace_back(idOf(after.generation), changes, after, now);
    octets_ += events_.back().octets();
    while (events_.size() > 1 && (events_.size() > kMaxGenerations || octets_ > kMaxOctets)) {
        octets_ -= events_.front().octets();
        firstGeneration_ = events_.front().generation();
        events_.pop_front();
    }
    return events_.back();
}

std::optional<std::vector<SharedText>> EventLog::since(std::string_view lastEventId,
                                                       std::string_view prefix) const {
    const std::size_t dash = lastEventId.find('-');
    const auto generation = parseNumber<std::uint64_t>(lastEventId.substr(0, dash));
    if (!hasBegun_ || !generation || dash == std::string_view::npos ||
        lastEventId.substr(dash + 1) != epoch_ || *generation < firstGeneration_ ||
        *generation > lastGeneration_)
        return std::nullopt;
    std::vector<SharedText> texts;
    std::size_t octets = 0;
    const auto from =
        std::ranges::upper_bound(events_, *generation, {}, &GenerationEvents::generation);
    for (auto each = from; each != events_.end(); ++each)
        if (SharedText text = each->textFor(prefix)) {
            octets += text->size();
            if (octets > kMaxReplay)
                return std::nullopt;
            texts.push_back(std::move(text));
        }
    return texts;
}

SharedText EventLog::resetText(std::string_view reason) const {
    return std::make_shared<const std::string>(makeReset(lastId(), lastGeneration_, reason));
}

std::string EventLog::idOf(std::uint64_t generation) const {
    return std::to_string(generation) + "-" + epoch_;
}

} // namespace mmsd::api
