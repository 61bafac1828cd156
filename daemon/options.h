// SPDX-License-Identifier: MIT
// Options: what the command line and the configuration file together ask for.
#pragma once

#include "common/log.h"
#include "protocol/settings.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mmsd::supervisor {

enum class Action : std::uint8_t { Run, CheckConfig, PrintHelp, PrintVersion };

struct Options {
    Action action = Action::Run;
    protocol::Settings settings;
};

/** Reads the command line, then the file that it names; without --config the default file, if
 *  there is one.
 *  @param argv   with the program's name in front
 *  @throws UsageError, ConfigurationError; with --check-config the first only */
[[nodiscard]] Options readOptions(std::span<const char* const> argv);

/** How this process logs with these settings. */
[[nodiscard]] LogConfig logConfig(const protocol::Settings& settings);

} // namespace mmsd::supervisor
