// SPDX-License-Identifier: MIT
// Command line and configuration file.
#include "daemon/options.h"

#include "common/file_io.h"
#include "common/sys_error.h"

#include <cerrno>

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

} // namespace

Options readOptions(std::span<const char* const> argv, const std::vector<std::string>& pinned) {
    std::vector<const char*> arguments{argv.front()};
    for (const std::string& flag : pinned)
        arguments.push_back(flag.c_str());
    arguments.insert(arguments.end(), argv.begin() + 1, argv.end());

    Options options;
    protocol::Settings& settings = options.settings;
    settings.parseCommandLine(static_cast<int>(arguments.size()), arguments.data(),
                              protocol::kForSupervisor);
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
    return options;
}

LogConfig logConfig(const protocol::Settings& settings) {
    return {.program = "mmsd",
            .level = settings.logLevel(),
            .format = settings.text("log-format") == "json" ? LogFormat::Json : LogFormat::Text,
            .hasPriorityPrefix = isStderrJournal()};
}

} // namespace mmsd::supervisor
