// SPDX-License-Identifier: MIT
// Route: one resource of the API as data, and what its answers are made of.
#pragma once

#include "workers/api-server/api_state.h"
#include "workers/api-server/http_response.h"
#include "workers/api-server/url.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mmsd::api {

struct Route;

/** A request that was understood: which resource, of what, in which form. Holds for any state, so
 *  it can be answered anew whenever the state changes. */
struct Inquiry {
    const Route* route = nullptr;
    std::string appId{};                             ///< leading slash; where the route takes it
    Query query{};                                   ///< without "wait"
    std::string_view mediaType{};                    ///< one of the route's
    std::optional<std::chrono::milliseconds> wait{}; ///< how long to hold an unchanged answer

    [[nodiscard]] bool wantsJson() const noexcept { return mediaType == kJsonType; }
};

/** What an answer depends on, and so how long it can be kept. Everything but Instant and Stream
 *  gets an entity tag, answers If-None-Match with 304 and can be waited for. */
enum class Freshness : std::uint8_t {
    Constant, ///< the program alone
    Snapshot, ///< ApiState::snapshot alone
    Reports,  ///< the snapshot, and what processes report
    Instant,  ///< the time, too: made anew for each request
    Stream,   ///< an event stream; the answer is its head
};

/** A row of the table in api_routes.cpp. */
struct Route {
    std::string_view path;
    bool takesName = false;                  ///< an app id follows the path
    std::span<const std::string_view> types; ///< media types offered, the default first
    Freshness freshness = Freshness::Instant;
    /** Makes the answer for GET. Its status, body and further fields are the resource's business;
     *  type, tag and caching are added by answer(). May throw BadRequest. */
    HttpResponse (*answer)(const Inquiry& inquiry, const ApiState& state, const ApiTime& now);
};

/** A request that its resource cannot make sense of; what() is the reason. */
class BadRequest : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/** The value of a query parameter, or null. @throws BadRequest if it is given twice */
[[nodiscard]] const std::string* parameter(const Query& query, std::string_view name);
/** @throws BadRequest for anything but 0 and 1 */
[[nodiscard]] bool isSwitchedOn(const Query& query, std::string_view name);

/** 200 with a body of the media type asked for. */
[[nodiscard]] HttpResponse content(const Inquiry& inquiry, std::string body);
/** A failure with its reason: a line of text, or {"status":…,"error":"…"} for who asked for JSON.
 */
[[nodiscard]] HttpResponse failure(const Inquiry& inquiry, int status, std::string_view reason);
/** 204: the app is known, and there is nothing to list. */
[[nodiscard]] HttpResponse noContent();
/** 503 before the first snapshot. */
[[nodiscard]] HttpResponse noStateYet(const Inquiry& inquiry);
/** 404 for the inquiry's app. */
[[nodiscard]] HttpResponse noSuchApp(const Inquiry& inquiry);

} // namespace mmsd::api
