// SPDX-License-Identifier: MIT
// Command line and configuration file.
#include "daemon/options.h"

#include "common/file_io.h"
#include "common/sys_error.h"

#include <cerrno>
#include <iterator>
#include <string>

namespace mmsd::supervisor {

namespace {

/** Octets: a file with every setting and its comment needs less than a tenth. */
constexpr std::size_t kMaxConfigFile = 256u << 10;

void readConfigFile(protocol::Settings& settings) {
    const std::string& path = settings.text("config");
    try {
        settings.parseFile(readFile(path, kMaxConfigFile), path);
    } catch (const SysError& error) {
        if (error.code().value() == ENOENT && !settings.isSet("config"))
            return;
        throw protocol::ConfigurationError{std::string{"--config: cannot "} + error.what()};
    }
}

/** Two listeners of our own on one port would fail late, or share the traffic in silence. */
void checkOwnPorts(const protocol::Settings& settings) {
    struct Own {
        const char* enabledBy;
        const char* address;
        const char* port;
    };
    constexpr Own kOwn[] = {
        {nullptr, "bind-ip", "api-port"},
        {"enable-dns", "bind-ip", "dns-port"},
        {"enable-tcp", "haproxy-stats-bind", "haproxy-port"},
        {"enable-gateway", "gateway-bind", "gateway-port-http"},
        {"enable-gateway", "gateway-bind", "gateway-port-https"},
    };
    const auto isOn = [&](const Own& own) {
        return own.enabledBy == nullptr || settings.flag(own.enabledBy);
    };
    const auto overlap = [](const IpAddress& a, const IpAddress& b) {
        return a == b || a == IpAddress{} || b == IpAddress{};
    };
    for (const Own& a : kOwn)
        for (const Own* b = &a + 1; b != std::end(kOwn); ++b)
            if (isOn(a) && isOn(*b) && settings.port(a.port) == settings.port(b->port) &&
                overlap(settings.address(a.address), settings.address(b->address)))
                throw protocol::UsageError{std::string{"--"} + b->port + ": " +
                                           std::to_string(settings.port(b->port)) + " is --" +
                                           a.port + ", too; expected another port"};
}

} // namespace

Options readOptions(std::span<const char* const> argv) {
    Options options;
    protocol::Settings& settings = options.settings;
    settings.parseCommandLine(static_cast<int>(argv.size()), argv.data(), protocol::kForSupervisor);
    if (settings.flag("help") || settings.flag("version")) {
        options.action = settings.flag("help") ? Action::PrintHelp : Action::PrintVersion;
        return options;
    }
    if (settings.flag("check-config"))
        options.action = Action::CheckConfig;
    try {
        readConfigFile(settings);
    } catch (const protocol::ConfigurationError& error) {
        if (options.action == Action::CheckConfig)
            throw protocol::UsageError{error.what()};
        throw;
    }
    checkOwnPorts(settings);
    return options;
}

LogConfig logConfig(const protocol::Settings& settings) {
    return {.program = "mmsd",
            .level = settings.logLevel(),
            .format = settings.text("log-format") == "json" ? LogFormat::Json : LogFormat::Text,
            .hasPriorityPrefix = isStderrJournal()};
}

} // namespace mmsd::supervisor
