// SPDX-License-Identifier: MIT
// What `mmsd status` and `mmsd explain` print. Pure.
#pragma once

#include "daemon/client/json_view.h"
#include "daemon/client/terminal.h"

#include <string>

namespace mmsd::client {

/** @param status the object of /v1/status */
[[nodiscard]] std::string renderStatus(const JsonView& status, const Painter& painter);

/** @param app the object of /v1/explain/NAME */
[[nodiscard]] std::string renderApp(const JsonView& app, const Painter& painter);

/** @param failure the object that an unknown app is answered with */
[[nodiscard]] std::string renderUnknownApp(const JsonView& failure, const Painter& painter);

} // namespace mmsd::client
