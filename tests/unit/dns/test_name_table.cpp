// SPDX-License-Identifier: MIT
// Tests of NameTable.
#include "tests/support/catch.h"
#include "tests/unit/dns/state_builder.h"
#include "workers/dns-server/name_table.h"

using namespace mmsd;
using namespace mmsd::dns;
using namespace mmsd::dns::test;

namespace {

/** An owner with one app. */
struct Owner {
    explicit Owner(const std::string& id, const std::string& version = "") : owned{app(id)} {
        owned.version = version;
    }
    [[nodiscard]] Claim claim(NameKind kind = NameKind::App) const {
        return {nullptr, &owned, this, kind};
    }
    protocol::App owned;
};

const void* winner(const NameTable& table, const WireName& name) {
    const NameNode* node = table.find(name);
    return node == nullptr ? nullptr : node->winner.owner;
}

std::size_t losers(const NameTable& table) {
    std::size_t count = 0;
    table.forEachLoser([&](const WireName&, const Claim&, const Claim&) { ++count; });
    return count;
}

} // namespace

TEST_CASE("name table: names above a name exist as long as it does", "[dns][table]") {
    NameTable table;
    const Owner web{"/web"};
    NameTable::Entry& entry = table.claim("\3www\1a\1b", web.claim(), nullptr, 1);
    REQUIRE(table.find("\1a\1b") != nullptr);
    CHECK(table.find("\1a\1b")->winner.owner == nullptr);
    CHECK(table.find("\1b") != nullptr);
    CHECK(table.find("") != nullptr);
    CHECK(table.find("\1a") == nullptr);
    CHECK(table.size() == 4);
    NameTable::Entry& other = table.claim("\1x\1b", web.claim(), nullptr, 1);
    table.withdraw(entry, &web, 2);
    CHECK(table.find("\1a\1b") == nullptr);
    CHECK(table.find("\1b") != nullptr);
    table.withdraw(other, &web, 2);
    CHECK(table.size() == 1);
}

TEST_CASE("name table: at first the older version wins, then the smaller id", "[dns][table]") {
    NameTable table;
    const Owner young{"/a", "2017-01-01T00:00:00Z"};
    const Owner old{"/b", "2016-01-01T00:00:00Z"};
    const Owner none{"/c"};
    table.claim("\1n", none.claim(), nullptr, 1);
    table.claim("\1n", young.claim(), nullptr, 1);
    CHECK(winner(table, "\1n") == &young);
    table.claim("\1n", old.claim(), nullptr, 1);
    CHECK(winner(table, "\1n") == &old);
    CHECK(losers(table) == 2);
}

TEST_CASE("name table: who has a name keeps it against later claims", "[dns][table]") {
    NameTable table;
    const Owner young{"/b", "2017-01-01T00:00:00Z"};
    const Owner old{"/a", "2016-01-01T00:00:00Z"};
    NameTable::Entry& entry = table.claim("\1n", young.claim(), nullptr, 1);
    table.claim("\1n", old.claim(), nullptr, 2);
    CHECK(winner(table, "\1n") == &young);
    SECTION("also when it changes itself") {
        const Owner changed{"/b", "2018-01-01T00:00:00Z"};
        table.claim("\1n", changed.claim(), &young, 3);
        CHECK(winner(table, "\1n") == &changed);
        CHECK(losers(table) == 1);
    }
    SECTION("until it goes, when the next one has it") {
        table.withdraw(entry, &young, 3);
        CHECK(winner(table, "\1n") == &old);
        CHECK(losers(table) == 0);
    }
    SECTION("and the loser may change or go, too") {
        const Owner changed{"/a", "2018-01-01T00:00:00Z"};
        table.claim("\1n", changed.claim(), &old, 3);
        CHECK(winner(table, "\1n") == &young);
        CHECK(losers(table) == 1);
        table.withdraw(entry, &changed, 4);
        CHECK(losers(table) == 0);
    }
}

TEST_CASE("name table: an instance's name outranks an app's, an app's a port's", "[dns][table]") {
    NameTable table;
    const Owner a{"/a", "2016-01-01T00:00:00Z"};
    const Owner b{"/b", "2017-01-01T00:00:00Z"};
    const Owner c{"/c", "2018-01-01T00:00:00Z"};
    table.claim("\1n", a.claim(NameKind::Port), nullptr, 1);
    table.claim("\1n", b.claim(NameKind::App), nullptr, 2);
    CHECK(winner(table, "\1n") == &b);
    table.claim("\1n", c.claim(NameKind::Instance), nullptr, 3);
    CHECK(winner(table, "\1n") == &c);
    CHECK(losers(table) == 2);
}
