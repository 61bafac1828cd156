// SPDX-License-Identifier: MIT
// Apps from a file with Marathon's JSON.
#pragma once

#include "daemon/marathon/app_scanner.h"

#include <string>

namespace mmsd::marathon {

/** Reads a file and hands out the JSON of each app in it. Accepted: {"apps":[…]}, a bare array of
 *  apps, {"app":{…}}, an app, a group tree with apps at any depth.
 *  @throws SysError if it cannot be read, JsonError if it is none of these; what was handed out
 *          before does not count then */
void readAppFile(const std::string& path, const AppScanner::OnApp& onApp);

} // namespace mmsd::marathon
