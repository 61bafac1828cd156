// SPDX-License-Identifier: MIT
// StartError: why a worker cannot start, with the exit code that says so to the supervisor.
#pragma once

#include "common/exit_code.h"

#include <stdexcept>
#include <string>

namespace mmsd::worker {

/** Ends the process from anywhere; what() is one line for the operator. */
class StartError : public std::runtime_error {
public:
    StartError(ExitCode code, const std::string& what) : std::runtime_error{what}, code_{code} {}
    [[nodiscard]] ExitCode code() const noexcept { return code_; }

private:
    ExitCode code_;
};

} // namespace mmsd::worker
