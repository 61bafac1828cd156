// SPDX-License-Identifier: MIT
// The API's resources: request and state in, response out. Pure.
#include "workers/api-server/api_routes.h"

#include "build_config.h"

#include "common/text.h"
#include "workers/api-server/instance_list.h"
#include "workers/api-server/status_json.h"
#include "workers/api-server/url.h"

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::api {

namespace {

constexpr std::string_view kAllowedMethods = "GET, HEAD, OPTIONS";

using Query = std::vector<std::pair<std::string, std::string>>;

/** What a resource may use to answer. */
struct Question {
    const ApiState& state;
    const ApiTime& now;
    std::string appId; ///< with leading slash; only where the resource takes a name
    Query query;
};

HttpResponse failure(int status, const std::string& reason) {
    return textResponse(status, reason + "\n");
}

HttpResponse noContent() {
    HttpResponse response;
    response.status = 204;
    return response;
}

HttpResponse noStateYet() {
    HttpResponse response = failure(503, "no state from Marathon yet");
    response.retryAfter = std::chrono::seconds{1};
    return response;
}

HttpResponse noSuchApp(const std::string& appId) {
    return failure(404, "no such app: " + escapeText(appId));
}

/** A request that its resource cannot make sense of; what() is the reason. */
class BadRequest : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/** The value of a query parameter. @throws BadRequest if it is given twice */
const std::string* parameter(const Query& query, std::string_view name) {
    const std::string* found = nullptr;
    for (const auto& [key, value] : query)
        if (key == name) {
            if (found != nullptr)
                throw BadRequest{std::string{name} + ": given more than once"};
            found = &value;
        }
    return found;
}

/** @throws BadRequest for anything but 0 and 1 */
bool isSwitchedOn(const Query& query, std::string_view name) {
    const std::string* value = parameter(query, name);
    if (value != nullptr && *value != "0" && *value != "1")
        throw BadRequest{std::string{name} + ": expected 0 or 1"};
    return value != nullptr && *value == "1";
}

HttpResponse ping(const Question&) {
    return textResponse(200, "pong\n");
}

HttpResponse version(const Question&) {
    return textResponse(200, std::string{"api "} + MMSD_VERSION + "\n");
}

HttpResponse apps(const Question& question) {
    if (!question.state.snapshot)
        return noStateYet();
    std::string text;
    for (const auto& app : question.state.snapshot->apps)
        text.append(app->id).append("\n");
    return textResponse(200, std::move(text));
}

HttpResponse instances(const Question& question) {
    InstanceListOptions options;
    options.hasHostNames = isSwitchedOn(question.query, "noresolve");
    options.hasAgentHash = isSwitchedOn(question.query, "withid");
    const std::string* range = parameter(question.query, "portIndex");
    if (!question.state.snapshot)
        return noStateYet();
    const protocol::App* app = protocol::findApp(*question.state.snapshot, question.appId);
    if (app == nullptr)
        return noSuchApp(question.appId);
    if (range != nullptr && !range->empty()) {
        std::string reason;
        const auto ports = parsePortRange(*range, app->ports.size(), reason);
        if (!ports)
            throw BadRequest{"portIndex: " + reason};
        options.ports = *ports;
    }
    std::string text = renderInstanceList(*app, options);
    return text.empty() ? noContent() : textResponse(200, std::move(text));
}

HttpResponse servicePorts(const Question& question) {
    if (!question.state.snapshot)
        return noStateYet();
    const protocol::App* app = protocol::findApp(*question.state.snapshot, question.appId);
    if (app == nullptr)
        return noSuchApp(question.appId);
    std::string text;
    for (const protocol::Port& port : app->ports)
        text.append(std::to_string(port.servicePort)).append("\n");
    return text.empty() ? noContent() : textResponse(200, std::move(text));
}

HttpResponse status(const Question& question) {
    HttpResponse response;
    response.contentType = kJsonType;
    response.body = renderStatus(question.state, question.now);
    return response;
}

struct Route {
    std::string_view path;
    bool takesName; ///< an app id follows the path
    HttpResponse (*answer)(const Question& question);
};

constexpr std::array kRoutes{
    Route{"/ping", false, ping},
    Route{"/version", false, version},
    Route{"/v1/apps", false, apps},
    Route{"/v1/instances", true, instances},
    Route{"/v1/service_ports", true, servicePorts},
    Route{"/v1/status", false, status},
};

/** The app id behind a route's path, with or without its own leading slash: "/a", "//a" → "/a". */
std::string_view appIdIn(std::string_view rest) noexcept {
    if (rest.starts_with("//"))
        rest.remove_prefix(1);
    return rest == "/" ? std::string_view{} : rest;
}

const Route* findRoute(std::string_view path, std::string_view& appId) noexcept {
    for (const Route& route : kRoutes) {
        if (!path.starts_with(route.path))
            continue;
        const std::string_view rest = path.substr(route.path.size());
        appId = appIdIn(rest);
        if (route.takesName ? !appId.empty() && rest.starts_with('/') : rest.empty())
            return &route;
    }
    return nullptr;
}

HttpResponse allowedMethods(int status) {
    HttpResponse response =
        status == 204 ? noContent() : failure(status, "only GET, HEAD and OPTIONS");
    response.allow = kAllowedMethods;
    return response;
}

} // namespace

HttpResponse answer(const HttpRequest& request, const ApiState& state, const ApiTime& now) {
    const bool isOptions = request.method == "OPTIONS";
    if (request.path == "*" && isOptions)
        return allowedMethods(204);
    const auto path = percentDecode(request.path);
    if (!path)
        return failure(400, "malformed percent-encoding in the path");
    std::string_view appId;
    const Route* route = findRoute(*path, appId);
    if (route == nullptr)
        return failure(404, "no such resource: " + escapeText(*path));
    if (isOptions)
        return allowedMethods(204);
    if (request.method != "GET" && request.method != "HEAD")
        return allowedMethods(405);
    auto query = parseQuery(request.query);
    if (!query)
        return failure(400, "malformed percent-encoding in the query");
    try {
        return route->answer({state, now, std::string{appId}, std::move(*query)});
    } catch (const BadRequest& error) {
        return failure(400, error.what());
    }
}

} // namespace mmsd::api
