// SPDX-License-Identifier: MIT
// The apps of the status page. Pure.
#pragma once

#include "workers/api-server/api_state.h"
#include "workers/api-server/html_writer.h"

#include <string>

namespace mmsd::api {

/** Which apps are asked for. */
struct AppFilter {
    std::string words;         ///< all of them, somewhere in the app's row; case does not matter
    bool onlyProblems = false; ///< left out, pending, or with instances that do not serve
};

/** Writes a table of the snapshot's apps: instances, where each port is exposed, and why not. */
void writeAppTable(HtmlWriter& html, const ApiState& state, const AppFilter& filter);

} // namespace mmsd::api
