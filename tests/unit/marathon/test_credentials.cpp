// SPDX-License-Identifier: MIT
// Tests of the Authorization header.
#include "common/file_io.h"
#include "common/sys_error.h"
#include "daemon/marathon/credentials.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <stdexcept>

namespace mmsd::marathon {

TEST_CASE("credentials: both forms", "[marathon][credentials]") {
    CHECK(authorizationFor("Aladdin:open sesame\n") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(authorizationFor("u:") == "Basic dTo=");
    CHECK(authorizationFor("u:pw") == "Basic dTpwdw==");
    CHECK(authorizationFor("u:pwd") == "Basic dTpwd2Q=");
    CHECK(authorizationFor(" token=eyJ0.x_y-z \r\n") == "token=eyJ0.x_y-z");
    CHECK(authorizationFor("token:x") == "Basic dG9rZW46eA==");
    for (const char* text : {"", "\n", "secret", "token=", "a:b\nX-Evil: 1", "token=a\rb"}) {
        CAPTURE(text);
        CHECK_THROWS_AS(authorizationFor(text), std::invalid_argument);
    }
}

TEST_CASE("credentials: an error never tells the content", "[marathon][credentials]") {
    const test::TempDir folder;
    replaceFileAt(folder.fd(), "auth", std::string_view{"hunter2"}, 0600);
    try {
        Credentials{folder / "auth"};
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string{error.what()}.find("hunter2") == std::string::npos);
        CHECK(std::string{error.what()}.find("/auth") != std::string::npos);
    }
    CHECK_THROWS_AS(Credentials{folder / "missing"}, SysError);
}

TEST_CASE("credentials: are read again when the file changes", "[marathon][credentials]") {
    CHECK(Credentials{}.header().empty());
    const test::TempDir folder;
    replaceFileAt(folder.fd(), "auth", std::string_view{"token=one"}, 0600);
    Credentials credentials{folder / "auth"};
    CHECK(credentials.header() == "Authorization: token=one");
    CHECK_FALSE(credentials.hasChanged());
    replaceFileAt(folder.fd(), "auth", std::string_view{"token=second"}, 0600);
    CHECK(credentials.hasChanged());
    CHECK(credentials.header() == "Authorization: token=second");
    replaceFileAt(folder.fd(), "auth", std::string_view{"broken"}, 0600);
    CHECK(credentials.header() == "Authorization: token=second");
    CHECK(::unlinkat(folder.fd(), "auth", 0) == 0);
    CHECK(credentials.header() == "Authorization: token=second");
}

} // namespace mmsd::marathon
