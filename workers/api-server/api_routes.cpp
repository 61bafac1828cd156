// SPDX-License-Identifier: MIT
// The API's resources: request and state in, response out. Pure.
#include "workers/api-server/api_routes.h"

#include "build_config.h"

#include "common/duration.h"
#include "common/text.h"
#include "workers/api-server/app_lists.h"
#include "workers/api-server/content_negotiation.h"
#include "workers/api-server/entity_tag.h"
#include "workers/api-server/event_streams.h"
#include "workers/api-server/explain_json.h"
#include "workers/api-server/metrics_text.h"
#include "workers/api-server/probes.h"
#include "workers/api-server/status_json.h"
#include "workers/api-server/status_page.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace mmsd::api {

namespace {

constexpr std::string_view kAllowedMethods = "GET, HEAD, OPTIONS";

HttpResponse ping(const Inquiry& inquiry, const ApiState&, const ApiTime&) {
    return content(inquiry, "pong\n");
}

HttpResponse version(const Inquiry& inquiry, const ApiState&, const ApiTime&) {
    return content(inquiry, std::string{"api "} + MMSD_VERSION + "\n");
}

HttpResponse status(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    return content(inquiry, renderStatus(state, now));
}

HttpResponse metrics(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    return content(inquiry, renderMetrics(state, now));
}

constexpr std::array kText{kTextType};
constexpr std::array kHtml{kHtmlType};
constexpr std::array kMetrics{kMetricsType};
constexpr std::array kJson{kJsonType};
constexpr std::array kEvents{kEventStreamType};
constexpr std::array kTextOrJson{kTextType, kJsonType};

/** Every resource. A new one is a row here and a function that answers. */
constexpr std::array kRoutes{
    Route{"/ping", false, kText, Freshness::Constant, ping},
    Route{"/version", false, kText, Freshness::Constant, version},
    Route{"/v1/apps", false, kTextOrJson, Freshness::Snapshot, listApps},
    Route{"/v1/instances", true, kTextOrJson, Freshness::Snapshot, listInstances},
    Route{"/v1/service_ports", true, kTextOrJson, Freshness::Snapshot, listServicePorts},
    Route{"/v1/events", false, kEvents, Freshness::Stream, openEvents},
    Route{"/v1/status", false, kJson, Freshness::Instant, status},
    Route{"/v1/explain", true, kJson, Freshness::Reports, explainApp},
    Route{"/metrics", false, kMetrics, Freshness::Instant, metrics},
    Route{"/healthz", false, kTextOrJson, Freshness::Instant, healthz},
    Route{"/readyz", false, kTextOrJson, Freshness::Instant, readyz},
    Route{"/", false, kHtml, Freshness::Instant, statusPage},
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
        status == 204 ? noContent() : textResponse(status, "only GET, HEAD and OPTIONS\n");
    response.allow = kAllowedMethods;
    return response;
}

HttpResponse notAcceptable(const Route& route) {
    std::string text = "offered here:";
    for (const std::string_view type : route.types)
        text.append(" ").append(type.substr(0, type.find(';')));
    HttpResponse response = textResponse(406, text + "\n");
    response.variesByAccept = true;
    return response;
}

bool hasTag(const Route& route) noexcept {
    return route.freshness != Freshness::Instant && route.freshness != Freshness::Stream;
}

/** Takes "wait" out of the query. @throws BadRequest */
std::optional<std::chrono::milliseconds> takeWait(Query& query) {
    const std::string* text = parameter(query, "wait");
    if (text == nullptr)
        return std::nullopt;
    const auto wait = parseDuration(*text);
    if (!wait)
        throw BadRequest{"wait: expected a duration like 30s"};
    std::erase_if(query, [](const auto& each) { return each.first == "wait"; });
    if (wait->count() == 0)
        return std::nullopt;
    return std::min<std::chrono::milliseconds>(*wait, kMaxWait);
}

} // namespace

std::variant<Inquiry, HttpResponse> understand(const HttpRequest& request) {
    const bool isOptions = request.method == "OPTIONS";
    if (request.path == "*" && isOptions)
        return allowedMethods(204);
    const auto path = percentDecode(request.path);
    if (!path)
        return textResponse(400, "malformed percent-encoding in the path\n");
    Inquiry inquiry;
    std::string_view appId;
    inquiry.route = findRoute(*path, appId);
    if (inquiry.route == nullptr)
        return textResponse(404, "no such resource: " + escapeText(*path) + "\n");
    if (isOptions)
        return allowedMethods(204);
    if (request.method != "GET" && request.method != "HEAD")
        return allowedMethods(405);
    const auto type = negotiate(request.accept, inquiry.route->types);
    if (!type)
        return notAcceptable(*inquiry.route);
    inquiry.mediaType = inquiry.route->types[*type];
    auto query = parseQuery(request.query);
    if (!query)
        return failure(inquiry, 400, "malformed percent-encoding in the query");
    inquiry.appId = appId;
    inquiry.query = std::move(*query);
    try {
        if (hasTag(*inquiry.route))
            inquiry.wait = takeWait(inquiry.query);
    } catch (const BadRequest& error) {
        return failure(inquiry, 400, error.what());
    }
    return inquiry;
}

HttpResponse answer(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    const Route& route = *inquiry.route;
    HttpResponse response;
    try {
        response = route.answer(inquiry, state, now);
    } catch (const BadRequest& error) {
        response = failure(inquiry, 400, error.what());
    }
    response.variesByAccept = route.types.size() > 1;
    // A 404 has a tag, too, so that one can wait for an app to appear.
    if (hasTag(route) && (response.status < 300 || response.status == 404)) {
        response.entityTag = makeEntityTag(response.status, response.contentType, response.body);
        response.cacheControl = "no-cache"; // ask each time; mostly the answer is 304
    } else {
        response.cacheControl = "no-store";
    }
    if (state.snapshot &&
        (route.freshness == Freshness::Snapshot || route.freshness == Freshness::Reports))
        response.fields.append("Mmsd-Generation: ")
            .append(std::to_string(state.snapshot->generation))
            .append("\r\n");
    return response;
}

HttpResponse answer(const HttpRequest& request, const ApiState& state, const ApiTime& now) {
    auto understood = understand(request);
    if (auto* refusal = std::get_if<HttpResponse>(&understood))
        return std::move(*refusal);
    HttpResponse response = answer(std::get<Inquiry>(understood), state, now);
    // Only what would be a success is conditional (RFC 9110 §13.2.1).
    if (!response.entityTag.empty() && response.status < 300 &&
        matchesTag(request.ifNoneMatch, response.entityTag))
        return notModified(response);
    return response;
}

} // namespace mmsd::api
