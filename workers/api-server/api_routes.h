// SPDX-License-Identifier: MIT
// The API's resources: request and state in, response out. Pure.
#pragma once

#include "workers/api-server/http_request.h"
#include "workers/api-server/route.h"

#include <chrono>
#include <variant>

namespace mmsd::api {

/** An unchanged answer is held this long at most; who asks for more is answered then. */
inline constexpr std::chrono::minutes kMaxWait{5};

/** Finds the resource and the form that a request asks for.
 *  @return the inquiry, or the response where there is nothing to inquire (400, 404, 405, 406,
 *          OPTIONS) */
[[nodiscard]] std::variant<Inquiry, HttpResponse> understand(const HttpRequest& request);

/** Answers an inquiry, whatever the client has already. The body is that of GET for HEAD as well:
 *  who sends it leaves it out. Source: CONTRACT section 6. */
[[nodiscard]] HttpResponse answer(const Inquiry& inquiry, const ApiState& state,
                                  const ApiTime& now);

/** Answers any request at once: both of the above, and 304 for who has the answer. */
[[nodiscard]] HttpResponse answer(const HttpRequest& request, const ApiState& state,
                                  const ApiTime& now);

} // namespace mmsd::api
