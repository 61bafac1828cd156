// SPDX-License-Identifier: MIT
// StartError: why a process cannot start, or cannot take a new configuration.
#pragma once

#include "common/exit_code.h"

#include <stdexcept>
#include <string>

namespace mmsd {

/** One line for the operator, and the exit code that goes with it: of the process, if that ends. */
class StartError : public std::runtime_error {
public:
    StartError(ExitCode code, const std::string& text) : std::runtime_error{text}, code_{code} {}
    [[nodiscard]] ExitCode code() const noexcept { return code_; }

private:
    ExitCode code_;
};

} // namespace mmsd
