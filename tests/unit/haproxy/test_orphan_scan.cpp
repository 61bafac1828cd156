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
    const std::string root = "/run/mmsd/haproxy";
    CHECK(generationOf(line("-db", "/run/mmsd/haproxy/gen-17/haproxy.cfg"), root) == 17);
    CHECK_FALSE(generationOf(line("-c", "/run/mmsd/haproxy/gen-17/haproxy.cfg"), root));
    CHECK_FALSE(generationOf(line("-db", "/run/other/haproxy/gen-17/haproxy.cfg"), root));
    CHECK_FALSE(generationOf(line("-db", "/run/mmsd/haproxy/gen-x/haproxy.cfg"), root));
    CHECK_FALSE(generationOf(line("-db", "/run/mmsd/haproxy2/gen-1/haproxy.cfg"), root));
    CHECK_FALSE(generationOf("", root));
    CHECK_FALSE(generationOf(std::string_view{"vi\0-db", 6}, root));
}

TEST_CASE("orphan scan: an admin socket shows in the list before it answers", "[haproxy][orphan]") {
    const std::string list =
        "Num       RefCount Protocol Flags    Type St Inode Path\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/x/haproxy-7.sock.42.tmp\n"
        "0000000000000000: 00000002 00000000 00010000 0001 01 4712\n";
    CHECK(isSocketBound(list, "/run/x/haproxy-7.sock", 42));
    CHECK_FALSE(isSocketBound(list, "/run/x/haproxy-7.sock", 4));
    CHECK_FALSE(isSocketBound(list, "/run/x/haproxy-77.sock", 42));
    CHECK_FALSE(isSocketBound("", "/run/x/haproxy-7.sock", 42));
}
