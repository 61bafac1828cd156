// SPDX-License-Identifier: MIT
// The answers of /healthz and /readyz. Pure.
#pragma once

#include "workers/api-server/route.h"

namespace mmsd::api {

/** /readyz: 200 or 503. Text: "ready" or "not ready", then one line per reason, then per note.
 *  JSON: ready, reasons and notes (code, process or null, text), generation, and the ages
 *  confirmed_age_seconds, last_byte_age_seconds with confirmed_limit_seconds. */
[[nodiscard]] HttpResponse readyz(const Inquiry& inquiry, const ApiState& state,
                                  const ApiTime& now);

/** /healthz: 200 or 503. Text: "ok" or the reasons. JSON: ok, reasons. */
[[nodiscard]] HttpResponse healthz(const Inquiry& inquiry, const ApiState& state,
                                   const ApiTime& now);

} // namespace mmsd::api
