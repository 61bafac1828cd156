// SPDX-License-Identifier: MIT
// Failed system calls as exceptions.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace mmsd {

/** A failed system call: what() is "<what was tried>: <strerror>". */
class SysError : public std::system_error {
public:
    SysError(int error, std::string_view what)
        : std::system_error{error, std::system_category(), std::string{what}} {}
};

/** Throws SysError with @p error, or with the current errno. */
[[noreturn]] void throwErrno(std::string_view what);
[[noreturn]] void throwErrno(std::string_view what, int error);

} // namespace mmsd
