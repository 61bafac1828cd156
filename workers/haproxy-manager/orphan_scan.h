// SPDX-License-Identifier: MIT
// Finds HAProxy processes by their command lines, for those whose admin socket is lost.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace mmsd::haproxy {

/** True if this is how ProcessControl starts a HAProxy on a folder like @p sampleFolder
 *  ("<root>/gen-0"); arguments end with NUL as in /proc/PID/cmdline. */
[[nodiscard]] bool isOurCommandLine(std::string_view commandLine, std::string_view sampleFolder);

/** The processes of such command lines. Reads /proc: for the start only. */
[[nodiscard]] std::vector<pid_t> findOrphans(const std::string& sampleFolder);

} // namespace mmsd::haproxy
