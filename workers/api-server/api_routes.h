// SPDX-License-Identifier: MIT
// The API's resources: request and state in, response out. Pure.
#pragma once

#include "workers/api-server/api_state.h"
#include "workers/api-server/http_request.h"
#include "workers/api-server/http_response.h"

namespace mmsd::api {

/** Answers any request. The body is that of GET for HEAD as well: who sends it leaves it out.
 *  Source: CONTRACT section 6. */
[[nodiscard]] HttpResponse answer(const HttpRequest& request, const ApiState& state,
                                  const ApiTime& now);

} // namespace mmsd::api
