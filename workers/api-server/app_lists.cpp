// SPDX-License-Identifier: MIT
// The lists under /v1: apps, instances, service ports. Pure.
#include "workers/api-server/app_lists.h"

#include "workers/api-server/instance_list.h"
#include "workers/api-server/json_writer.h"

#include <string>
#include <utility>

namespace mmsd::api {

namespace {

std::string finish(JsonWriter json) {
    json.endArray();
    return std::move(json).take().append("\n");
}

} // namespace

HttpResponse listApps(const Inquiry& inquiry, const ApiState& state, const ApiTime&) {
    if (!state.snapshot)
        return noStateYet(inquiry);
    if (inquiry.wantsJson()) {
        JsonWriter json;
        json.beginArray();
        for (const auto& app : state.snapshot->apps)
            json.value(app->id);
        return content(inquiry, finish(std::move(json)));
    }
    std::string text;
    for (const auto& app : state.snapshot->apps)
        text.append(app->id).append("\n");
    return content(inquiry, std::move(text));
}

HttpResponse listInstances(const Inquiry& inquiry, const ApiState& state, const ApiTime&) {
    InstanceListOptions options;
    options.hasHostNames = isSwitchedOn(inquiry.query, "noresolve");
    options.hasAgentHash = isSwitchedOn(inquiry.query, "withid");
    const std::string* range = parameter(inquiry.query, "portIndex");
    if (!state.snapshot)
        return noStateYet(inquiry);
    const protocol::App* app = protocol::findApp(*state.snapshot, inquiry.appId);
    if (app == nullptr)
        return noSuchApp(inquiry);
    if (range != nullptr && !range->empty()) {
        std::string reason;
        const auto ports = parsePortRange(*range, app->ports.size(), reason);
        if (!ports)
            throw BadRequest{"portIndex: " + reason};
        options.ports = *ports;
    }
    auto body =
        inquiry.wantsJson() ? renderInstanceJson(*app, options) : renderInstanceList(*app, options);
    return body.empty() ? noContent() : content(inquiry, std::move(body));
}

HttpResponse listServicePorts(const Inquiry& inquiry, const ApiState& state, const ApiTime&) {
    if (!state.snapshot)
        return noStateYet(inquiry);
    const protocol::App* app = protocol::findApp(*state.snapshot, inquiry.appId);
    if (app == nullptr)
        return noSuchApp(inquiry);
    if (app->ports.empty())
        return noContent();
    if (inquiry.wantsJson()) {
        JsonWriter json;
        json.beginArray();
        for (const protocol::Port& port : app->ports)
            json.value(port.servicePort);
        return content(inquiry, finish(std::move(json)));
    }
    std::string text;
    for (const protocol::Port& port : app->ports)
        text.append(std::to_string(port.servicePort)).append("\n");
    return content(inquiry, std::move(text));
}

} // namespace mmsd::api
