// SPDX-License-Identifier: MIT
// The command line of `mmsd status` and `mmsd explain`.
#include "daemon/client/options.h"

#include "common/file_io.h"
#include "common/sys_error.h"
#include "common/text.h"
#include "protocol/settings.h"

#include <optional>
#include <string_view>

namespace mmsd::client {

namespace {

constexpr std::size_t kMaxConfigFile = 256u << 10; // octets

/** The value of "--name=value" or "--name value"; moves @p i on where it takes the next. */
std::optional<std::string> valueOf(std::string_view name, std::span<const char* const> arguments,
                                   std::size_t& i) {
    const std::string_view argument = arguments[i];
    if (!argument.starts_with(name))
        return std::nullopt;
    std::string_view rest = argument.substr(name.size());
    if (rest.starts_with('='))
        rest.remove_prefix(1);
    else if (!rest.empty())
        return std::nullopt;
    else if (++i == arguments.size())
        throw UsageError{std::string{name} + ": a value is missing"};
    else
        rest = arguments[i];
    if (rest.empty())
        throw UsageError{std::string{name} + ": the value is empty"};
    return std::string{rest};
}

Command commandOf(std::string_view word) {
    if (word == "status")
        return Command::Status;
    if (word == "explain")
        return Command::Explain;
    if (word == "--help" || word == "-h")
        return Command::Help;
    throw UsageError{"\"" + escapeText(word, 80) + "\": expected status or explain"};
}

} // namespace

Options readOptions(std::span<const char* const> arguments) {
    if (arguments.empty())
        throw UsageError{"expected status or explain"};
    Options options;
    options.command = commandOf(arguments[0]);
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--help" || argument == "-h")
            options.command = Command::Help;
        else if (argument == "--json")
            options.wantsJson = true;
        else if (auto url = valueOf("--url", arguments, i))
            options.url = *std::move(url);
        else if (auto config = valueOf("--config", arguments, i))
            options.config = *std::move(config);
        else if (valueOf("--worker-dir", arguments, i))
            continue; // mmsd itself has found this program by it
        else if (argument.starts_with('-') || options.command != Command::Explain ||
                 !options.appId.empty())
            throw UsageError{"unexpected argument \"" + escapeText(argument, 80) + "\""};
        else
            options.appId = (argument.starts_with('/') ? "" : "/") + std::string{argument};
    }
    if (options.command == Command::Explain && options.appId.size() < 2)
        throw UsageError{"explain: which app?"};
    while (options.url.ends_with('/'))
        options.url.pop_back();
    return options;
}

std::string helpText() {
    return "Usage: mmsd status [--url=URL] [--json]\n"
           "       mmsd explain APP [--url=URL] [--json]\n"
           "Asks the HTTP API of a running mmsd: how it is, or where an app is exposed and why "
           "not.\n\n"
           "      --url=URL      of the API; else this node's, by --config\n"
           "      --config=FILE  configuration of this node's mmsd (default: mmsd's own)\n"
           "      --json         the answer of the API as it is\n"
           "  -h, --help         print this text and exit\n\n"
           "Exit status: 0 ready, or the app is known; 1 not ready, or no such app; 64 usage; 69 "
           "no answer; 76 an answer that is none of mmsd's; 77 privileges.\n";
}

std::string localUrl(const std::string& configPath) {
    protocol::Settings settings;
    try {
        const std::string path = configPath.empty() ? settings.text("config") : configPath;
        settings.parseFile(readFile(path, kMaxConfigFile), path);
    } catch (const SysError&) {
        if (!configPath.empty())
            throw UsageError{"--config: cannot read " + configPath};
        settings = protocol::Settings{};
    } catch (const protocol::ConfigurationError&) {
        settings = protocol::Settings{};
    }
    IpAddress address = settings.address("bind-ip");
    if (address == IpAddress{})
        address = *IpAddress::parse("127.0.0.1");
    else if (address == *IpAddress::parse("::"))
        address = *IpAddress::parse("::1");
    return "http://" + formatHostPort(address.toString(), settings.port("api-port"));
}

} // namespace mmsd::client
