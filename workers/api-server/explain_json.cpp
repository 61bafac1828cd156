// SPDX-License-Identifier: MIT
// The text of /v1/explain. Pure.
#include "workers/api-server/explain_json.h"

#include "common/text.h"
#include "workers/api-server/explanation.h"
#include "workers/api-server/json_writer.h"

#include <string>
#include <utility>

namespace mmsd::api {

namespace {

std::optional<std::string_view> orNull(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

void writeNotes(JsonWriter& json, const std::vector<Note>& notes) {
    json.key("notes");
    json.beginArray();
    for (const Note& note : notes) {
        json.beginObject();
        json.member("process", note.process);
        json.member("rule", note.rule);
        json.member("text", note.text);
        json.endObject();
    }
    json.endArray();
}

void writeLabel(JsonWriter& json, const std::string& name, const std::string& value,
                const char* from) {
    json.beginObject();
    json.member("name", name);
    json.member("value", value);
    json.member("from", from);
    json.endObject();
}

/** The labels that a port has: its own, and those of the app that it does not replace. */
void writeLabels(JsonWriter& json, const protocol::App& app, const protocol::Port& port) {
    json.key("labels");
    json.beginArray();
    for (const auto& [name, value] : port.labels)
        writeLabel(json, name, value, "port");
    for (const auto& [name, value] : app.labels)
        if (!port.labels.contains(name))
            writeLabel(json, name, value, "app");
    json.endArray();
}

void writeOutput(JsonWriter& json, const Output& output) {
    json.beginObject();
    json.member("kind", output.kind);
    json.member("state", toString(output.exposure));
    json.member("rule", orNull(output.rule));
    json.member("reason", orNull(output.reason));
    json.key("places");
    json.beginArray();
    for (const std::string& place : output.places)
        json.value(place);
    json.endArray();
    for (const auto& [name, value] : output.details)
        json.member(name, value);
    json.endObject();
}

void writePort(JsonWriter& json, const protocol::App& app, const PortView& view) {
    const protocol::Port& port = *view.port;
    json.beginObject();
    json.member("index", view.index);
    json.member("name", orNull(port.name));
    json.member("service_port", port.servicePort);
    json.key("transports");
    json.beginArray();
    if (port.isTcp)
        json.value("tcp");
    if (port.isUdp)
        json.value("udp");
    json.endArray();
    json.member("serving", view.serving);
    json.key("health_check");
    if (port.check) {
        json.beginObject();
        json.member("protocol", toString(port.check->protocol));
        json.member("path", orNull(port.check->path));
        json.endObject();
    } else {
        json.null();
    }
    writeLabels(json, app, port);
    json.key("outputs");
    json.beginArray();
    for (const Output& output : view.outputs)
        writeOutput(json, output);
    json.endArray();
    writeNotes(json, view.notes);
    json.endObject();
}

void writeInstance(JsonWriter& json, const protocol::App& app, const InstanceView& view) {
    const protocol::Instance& instance = *view.instance;
    json.beginObject();
    json.member("task_id", instance.taskId);
    json.member("agent_id", orNull(instance.agentId));
    json.member("host", instance.host);
    json.member("state", toString(instance.state));
    json.member("health", toString(instance.health));
    json.member("serving", protocol::isServing(instance));
    json.member("verdict", toString(instance.serving));
    json.member("reason", view.reason);
    json.member("dns_name", orNull(view.dnsName));
    json.key("endpoints");
    json.beginArray();
    for (std::size_t i = 0; i < app.ports.size(); ++i) {
        const auto where = protocol::endpoint(instance, i);
        const bool hasAddress = where && !where->addresses->empty();
        json.beginObject();
        json.member("port_index", i);
        json.member("address", hasAddress ? std::optional{where->addresses->front().toString()}
                                          : std::nullopt);
        json.member("port", where ? std::optional{where->port} : std::nullopt);
        json.endObject();
    }
    json.endArray();
    json.endObject();
}

HttpResponse unknownApp(const Inquiry& inquiry, const ApiState& state, const Explainer& explainer) {
    JsonWriter json;
    json.beginObject();
    json.member("status", 404);
    json.member("error", "no such app: " + escapeText(inquiry.appId));
    json.key("near");
    json.beginArray();
    for (const std::string_view id : nearNames(*state.snapshot, inquiry.appId, kMaxNearNames))
        json.value(id);
    json.endArray();
    writeNotes(json, explainer.notesOn(inquiry.appId));
    json.endObject();
    return {.status = 404, .contentType = kJsonType, .body = std::move(json).take().append("\n")};
}

} // namespace

HttpResponse explainApp(const Inquiry& inquiry, const ApiState& state, const ApiTime&) {
    if (!state.snapshot)
        return noStateYet(inquiry);
    const Explainer explainer{state, state.options};
    const protocol::App* const app = protocol::findApp(*state.snapshot, inquiry.appId);
    if (app == nullptr)
        return unknownApp(inquiry, state, explainer);
    const AppView view = explainer.explain(*app);
    JsonWriter json;
    json.beginObject();
    json.member("app", app->id);
    json.member("version", app->version);
    json.member("pod", app->isPod);
    json.member("generation", state.snapshot->generation);
    json.member("serving", view.serving);
    json.member("instances_total", app->instances.size());
    json.key("labels");
    json.beginArray();
    for (const auto& [name, value] : app->labels)
        writeLabel(json, name, value, "app");
    json.endArray();
    writeNotes(json, view.notes);
    json.key("ports");
    json.beginArray();
    for (const PortView& port : view.ports)
        writePort(json, *app, port);
    json.endArray();
    json.key("instances");
    json.beginArray();
    for (const InstanceView& instance : view.instances)
        writeInstance(json, *app, instance);
    json.endArray();
    json.endObject();
    return content(inquiry, std::move(json).take() + "\n");
}

} // namespace mmsd::api
