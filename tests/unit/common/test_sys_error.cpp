// SPDX-License-Identifier: MIT
// Tests of SysError.
#include "common/sys_error.h"
#include "tests/support/catch.h"

#include <cerrno>

TEST_CASE("sys error: says what was tried and why it failed", "[common][sys_error]") {
    const mmsd::SysError error{ENOENT, "open /x"};
    CHECK(std::string{error.what()} == "open /x: No such file or directory");
    CHECK(error.code().value() == ENOENT);
    CHECK(error.code() == std::errc::no_such_file_or_directory);
}

TEST_CASE("sys error: takes errno if none is given", "[common][sys_error]") {
    errno = EACCES;
    CHECK_THROWS_WITH(mmsd::throwErrno("bind"), "bind: Permission denied");
    CHECK_THROWS_WITH(mmsd::throwErrno("bind", EPERM), "bind: Operation not permitted");
}
