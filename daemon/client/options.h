// SPDX-License-Identifier: MIT
// The command line of `mmsd status` and `mmsd explain`.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

namespace mmsd::client {

enum class Command : std::uint8_t { Help, Status, Explain };

struct Options {
    Command command = Command::Help;
    std::string appId;  ///< of Explain; with a leading slash
    std::string url;    ///< of the API, without the last slash; "" = this node's
    std::string config; ///< where this node's API is found; "" = the usual file
    bool wantsJson = false;
};

/** One line that says what is wrong. Exit 64. */
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/** @param arguments all but the program's name
 *  @throws UsageError */
[[nodiscard]] Options readOptions(std::span<const char* const> arguments);

/** The text of --help. */
[[nodiscard]] std::string helpText();

/** The URL of this node's API as the configuration file has it: the port, and the address unless
 *  it means all of them. A file that cannot be read or used counts as empty. */
[[nodiscard]] std::string localUrl(const std::string& configPath);

} // namespace mmsd::client
