// SPDX-License-Identifier: MIT
// The haproxy-manager's settings as values.
#include "workers/haproxy-manager/manager_options.h"

#include "common/start_error.h"
#include "common/sys_error.h"
#include "common/text.h"
#include "workers/runtime/port_rules.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace mmsd::haproxy {

namespace {

/** HAProxy binds "<path>.<pid>.tmp" first. Source: measured on 2.2 to 3.2. */
constexpr std::size_t kLongestSocketPath = 97;

bool isExecutable(const std::string& path) noexcept {
    return ::access(path.c_str(), X_OK) == 0;
}

std::string findBinary(const std::string& wanted) {
    if (wanted.starts_with('/'))
        return wanted;
    const std::string name = wanted.empty() ? "haproxy" : wanted;
    const char* const path = std::getenv("PATH");
    for (const std::string_view folder : splitList(path != nullptr ? path : "", ':'))
        if (folder.starts_with('/')) {
            std::string candidate = std::string{folder} + '/' + name;
            if (isExecutable(candidate))
                return candidate;
        }
    return "/usr/sbin/" + name;
}

std::uint64_t hardFdLimit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        throwErrno("ask for the descriptor limit");
    return limit.rlim_max;
}

} // namespace

ManagerOptions makeOptions(const protocol::Settings& settings) {
    ManagerOptions options;
    options.root = settings.text("run-state-dir") + "/haproxy";
    if (options.root.size() + std::string_view{"/haproxy-18446744073709551615.sock"}.size() >
        kLongestSocketPath)
        throw StartError{ExitCode::Usage, "--run-state-dir=" + settings.text("run-state-dir") +
                                              ": too long for HAProxy's admin socket"};
    options.binary = findBinary(settings.text("haproxy-bin"));
    if (!isExecutable(options.binary))
        throw StartError{ExitCode::Configuration,
                         options.binary + ": no such program; see --haproxy-bin"};
    options.beforeCommand = settings.text("haproxy-before-cmd");
    options.afterCommand = settings.text("haproxy-after-cmd");
    options.tailPath = settings.text("haproxy-cfgtail");
    options.inheritsSockets = settings.flag("haproxy-enable-reuse-socket");
    options.reloadInterval = settings.duration("haproxy-reload-interval");

    options.config.bindIp = settings.address("bind-ip");
    options.config.management = {settings.address("haproxy-stats-bind"),
                                 settings.port("haproxy-port")};
    options.config.syslogFacility = settings.text("haproxy-syslog-facility");
    options.config.hardFdLimit = hardFdLimit();

    ExposureRules& rules = options.rules;
    worker::PortRules ports = worker::makePortRules(worker::Transport::Tcp, settings);
    rules.groups = std::move(ports.groups);
    rules.ownPorts = std::move(ports.ownPorts);
    rules.hasChecks = settings.flag("enable-health-checks");
    rules.hasGateway = settings.flag("enable-gateway");
    if (rules.hasGateway) {
        const IpAddress bind = settings.address("gateway-bind");
        options.config.gateway = {{bind, settings.port("gateway-port-http")},
                                  {bind, settings.port("gateway-port-https")}};
    }
    return options;
}

} // namespace mmsd::haproxy
