// SPDX-License-Identifier: MIT
// Which command lines are those of our HAProxy processes.
#include "tests/support/catch.h"
#include "workers/haproxy-manager/orphan_scan.h"

using namespace mmsd::haproxy;

TEST_CASE("orphan scan: knows how HAProxy is started, on any generation", "[haproxy][orphan]") {
    const auto line = [](const char* first, const char* file) {
        std::string text{"/usr/sbin/haproxy"};
        for (const char* const part : {first, "-f", file})
            text.append(1, '\0').append(part);
        return text.append(1, '\0');
    };
    const std::string folder = "/run/mmsd/haproxy/gen-0";
    CHECK(isOurCommandLine(line("-db", "/run/mmsd/haproxy/gen-17/haproxy.cfg"), folder));
    CHECK_FALSE(isOurCommandLine(line("-c", "/run/mmsd/haproxy/gen-17/haproxy.cfg"), folder));
    CHECK_FALSE(isOurCommandLine(line("-db", "/run/other/haproxy/gen-17/haproxy.cfg"), folder));
    CHECK_FALSE(isOurCommandLine("", folder));
    CHECK_FALSE(isOurCommandLine(std::string_view{"vi\0-db", 6}, folder));
}
