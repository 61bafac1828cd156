// SPDX-License-Identifier: MIT
// Failed system calls as exceptions.
#include "common/sys_error.h"

#include <cerrno>

namespace mmsd {

void throwErrno(std::string_view what) {
    throwErrno(what, errno);
}

void throwErrno(std::string_view what, int error) {
    throw SysError{error, what};
}

} // namespace mmsd
