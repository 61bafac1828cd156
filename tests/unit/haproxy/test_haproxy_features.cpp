// SPDX-License-Identifier: MIT
// What `haproxy -vv` tells.
#include "tests/support/catch.h"
#include "workers/haproxy-manager/haproxy_features.h"

using namespace mmsd::haproxy;

TEST_CASE("haproxy features: reads versions old and new", "[haproxy][features]") {
    const auto debian = parseFeatures("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://x/\n"
                                      "Available services : prometheus-exporter\n");
    REQUIRE(debian);
    CHECK(debian->version == HaproxyVersion{2, 6});
    CHECK(debian->versionText == "2.6.12-1+deb12u4");
    CHECK(debian->hasPrometheus);
    CHECK(debian->hasDynamicServers());
    const auto old = parseFeatures("HA-Proxy version 2.2.0 2020/07/07\n");
    REQUIRE(old);
    CHECK(old->version < kOldestVersion);
    CHECK_FALSE(old->hasPrometheus);
    CHECK_FALSE(parseFeatures("HAProxy version 2.4-dev3 x\n")->hasDynamicServers());
    CHECK(parseFeatures("HAProxy version 3.0-dev3-abc x\n")->version == HaproxyVersion{3, 0});
}

TEST_CASE("haproxy features: other programs are none", "[haproxy][features]") {
    for (const char* const text :
         {"", "nginx version 1.2", "HAProxy version x.y", "HAProxy version 2"})
        CHECK_FALSE(parseFeatures(text));
}
