// SPDX-License-Identifier: MIT
// Tests of who has which file.
#include "tests/support/catch.h"
#include "tests/unit/workers/sample_state.h"
#include "workers/confd-writer/file_plan.h"

#include <string>
#include <vector>

using namespace mmsd;
using confd::FilePlan;
using test::app;
using test::share;
using test::snapshotOf;
using Names = std::vector<std::string>;

namespace {

constexpr const char* kOld = "2019-01-01T00:00:00.000Z";
constexpr const char* kNew = "2021-01-01T00:00:00.000Z";

std::string ownerOf(const FilePlan& plan, const std::string& name) {
    const confd::Claim* claim = plan.owner(name);
    return claim == nullptr ? "" : claim->app->id + "#" + std::to_string(claim->portIndex);
}

} // namespace

TEST_CASE("file plan: one file per port index, none without ports", "[workers][confd]") {
    FilePlan plan;
    CHECK(plan.update(snapshotOf({app("/a/b", {1, 2}), app("/none", {})})) ==
          Names{"a.b-1.instances", "a.b.instances"});
    CHECK(ownerOf(plan, "a.b.instances") == "/a/b#0");
    CHECK(ownerOf(plan, "a.b-1.instances") == "/a/b#1");
    CHECK(plan.owner("none.instances") == nullptr);
    CHECK(plan.names().size() == 2);
    CHECK(plan.refusals().empty());
}

TEST_CASE("file plan: unchanged apps are not looked at again", "[workers][confd]") {
    FilePlan plan;
    const auto a = share(app("/a", {1}));
    const auto b = share(app("/b", {1}));
    static_cast<void>(plan.update(snapshotOf({a, b})));
    CHECK(plan.update(snapshotOf({a, b})).empty());
    CHECK(plan.update(snapshotOf({a, share(app("/b", {1}))})) == Names{"b.instances"});
    CHECK(plan.update(snapshotOf({a, share(app("/b", {1}))})) == Names{"b.instances"});
}

TEST_CASE("file plan: names of lost ports and lost apps come back without an owner",
          "[workers][confd]") {
    FilePlan plan;
    const auto c = share(app("/c", {1}));
    static_cast<void>(
        plan.update(snapshotOf({share(app("/a", {1, 2})), share(app("/b", {1})), c})));
    CHECK(plan.update(snapshotOf({share(app("/a", {1})), c})) ==
          Names{"a-1.instances", "a.instances", "b.instances"});
    CHECK(ownerOf(plan, "a.instances") == "/a#0");
    CHECK(ownerOf(plan, "a-1.instances").empty());
    CHECK(ownerOf(plan, "b.instances").empty());
    CHECK(plan.update(snapshotOf(std::vector<test::AppPointer>{})) ==
          Names{"a.instances", "c.instances"});
    CHECK(plan.names().empty());
}

TEST_CASE("file plan: of two newcomers the older version wins, then the smaller id",
          "[workers][confd]") {
    FilePlan plan;
    static_cast<void>(
        plan.update(snapshotOf({app("/a/b", {1}, {}, kNew), app("/a.b", {1}, {}, kOld),
                                app("/x.y", {1}, {}, kOld), app("/x/y", {1}, {}, kOld)})));
    CHECK(ownerOf(plan, "a.b.instances") == "/a.b#0");
    CHECK(ownerOf(plan, "x.y.instances") == "/x.y#0");
    const auto refusals = plan.refusals();
    REQUIRE(refusals.size() == 2);
    CHECK(refusals[0].appId == "/a/b");
    CHECK(refusals[0].portIndex == 0);
    CHECK_THAT(refusals[0].reason, test::containsText("/a.b"));
    CHECK(refusals[1].appId == "/x/y");
}

TEST_CASE("file plan: who has a file keeps it against an older version", "[workers][confd]") {
    FilePlan plan;
    const auto young = share(app("/a/b", {1}, {}, kNew));
    const auto old = share(app("/a.b", {1}, {}, kOld));
    static_cast<void>(plan.update(snapshotOf({young})));
    CHECK(plan.update(snapshotOf({young, old})) == Names{"a.b.instances"});
    CHECK(ownerOf(plan, "a.b.instances") == "/a/b#0");
    // A new version of the holder is still the holder.
    static_cast<void>(plan.update(snapshotOf({share(app("/a/b", {7}, {}, kNew)), old})));
    CHECK(ownerOf(plan, "a.b.instances") == "/a/b#0");
    // When it goes, the loser takes over, and no longer is one.
    CHECK(plan.update(snapshotOf({old})) == Names{"a.b.instances"});
    CHECK(ownerOf(plan, "a.b.instances") == "/a.b#0");
    CHECK(plan.refusals().empty());
}

TEST_CASE("file plan: a further port can collide with another app's name", "[workers][confd]") {
    FilePlan plan;
    static_cast<void>(
        plan.update(snapshotOf({app("/a", {1, 2}, {}, kNew), app("/a-1", {1}, {}, kOld)})));
    CHECK(ownerOf(plan, "a.instances") == "/a#0");
    CHECK(ownerOf(plan, "a-1.instances") == "/a-1#0");
    REQUIRE(plan.refusals().size() == 1);
    CHECK(plan.refusals()[0].appId == "/a");
    CHECK(plan.refusals()[0].portIndex == 1);
}

TEST_CASE("file plan: remembers holders of an earlier run", "[workers][confd]") {
    FilePlan plan;
    plan.remember("a.b.instances", "/a/b");
    plan.remember("gone.instances", "/gone");
    CHECK(plan.names().empty());
    CHECK(plan.update(snapshotOf({app("/a/b", {1}, {}, kNew), app("/a.b", {1}, {}, kOld)})) ==
          Names{"a.b.instances", "gone.instances"});
    CHECK(ownerOf(plan, "a.b.instances") == "/a/b#0");
    CHECK(ownerOf(plan, "gone.instances").empty());
}

TEST_CASE("file plan: unsafe names are refused, once per app", "[workers][confd]") {
    FilePlan plan;
    const std::string longId = "/" + std::string(238, 'x');
    static_cast<void>(plan.update(
        snapshotOf({app("/a b", {1, 2, 3}), app(longId, std::vector<std::uint16_t>(12, 1))})));
    CHECK(plan.names().size() == 10);
    const auto refusals = plan.refusals();
    REQUIRE(refusals.size() == 2);
    CHECK(refusals[0].appId == "/a b");
    CHECK(refusals[0].portIndex == protocol::kWholeApp);
    CHECK(refusals[1].portIndex == 10);
    static_cast<void>(plan.update(snapshotOf(std::vector<test::AppPointer>{})));
    CHECK(plan.refusals().empty());
}
