// SPDX-License-Identifier: MIT
// Whom HAProxy blames: its error messages to fragments. Pure.
#pragma once

#include "workers/haproxy-manager/config_files.h"

#include <map>
#include <string>
#include <string_view>

namespace mmsd::haproxy {

struct Blame {
    std::map<std::string, std::string> proxies; ///< proxy name → first message about it
    bool isTailBlamed = false;
    std::string tailAlert;       ///< first message about the tail
    bool areSocketsLost = false; ///< `-x` failed: the old process did not hand over its sockets
    std::string firstAlert;      ///< that counts; the whole output where there is none

    [[nodiscard]] bool isEmpty() const noexcept { return proxies.empty() && !isTailBlamed; }
};

/** Reads what `haproxy -c` or a failed start printed. Fragments are recognised by file and line,
 *  else by the name of their frontend or backend.
 *  @param rendered what the configuration was rendered to */
[[nodiscard]] Blame readBlame(std::string_view output, const Config& config,
                              const RenderedConfig& rendered);

} // namespace mmsd::haproxy
