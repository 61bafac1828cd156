// SPDX-License-Identifier: MIT
// The haproxy-manager's settings as values.
#pragma once

#include "protocol/settings.h"
#include "workers/haproxy-manager/exposure.h"
#include "workers/haproxy-manager/haproxy_config.h"

#include <chrono>
#include <string>

namespace mmsd::haproxy {

struct ManagerOptions {
    std::string root;   ///< <run-state-dir>/haproxy
    std::string binary; ///< absolute path of haproxy
    std::string beforeCommand;
    std::string afterCommand;
    std::string tailPath;
    bool inheritsSockets = true;
    std::chrono::milliseconds reloadInterval{0};
    ExposureRules rules;
    ConfigOptions config; ///< without features
};

/** @throws StartError if HAProxy is not there or a path is too long for a socket */
[[nodiscard]] ManagerOptions makeOptions(const protocol::Settings& settings);

} // namespace mmsd::haproxy
