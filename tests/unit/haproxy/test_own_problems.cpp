// SPDX-License-Identifier: MIT
// Problems that belong to no app.
#include "tests/support/catch.h"
#include "workers/haproxy-manager/own_problems.h"

using namespace mmsd;
using namespace mmsd::haproxy;

TEST_CASE("own problems: reported while they last", "[haproxy][own]") {
    OwnProblems problems;
    problems.tell("tail file /x", "");
    CHECK(problems.all().empty());
    CHECK(problems.summary().empty());
    problems.tell("tail file /x", "refused");
    problems.tell("management page", "taken");
    problems.tell("management page", "still taken");
    std::vector<protocol::Refusal> refusals;
    problems.appendTo(refusals);
    REQUIRE(refusals.size() == 2);
    CHECK(refusals[0].appId.empty());
    CHECK(refusals[0].portIndex == protocol::kWholeApp);
    CHECK(refusals[0].reason == "running without management page: still taken");
    CHECK(problems.summary() == "running without management page: still taken; "
                                "running without tail file /x: refused");
    problems.tell("management page", "");
    problems.tell("tail file /x", "");
    CHECK(problems.all().empty());
}
