// SPDX-License-Identifier: MIT
// Tests of parseQuery().
#include "tests/support/catch.h"
#include "tests/unit/dns/asking.h"
#include "workers/dns-server/query.h"

using namespace mmsd::dns;
using namespace mmsd::dns::test;

namespace {

using Octets = std::vector<std::uint8_t>;

/** A copy of exactly the right size, so that a sanitizer sees any read behind it. */
QueryState parse(const Octets& message, Query& query) {
    const Octets exact{message.begin(), message.end()};
    return parseQuery(exact, query);
}

QueryState parse(const Octets& message) {
    Query query;
    return parse(message, query);
}

Octets with(Octets message, std::size_t at, std::uint8_t value) {
    message.at(at) = value;
    return message;
}

} // namespace

TEST_CASE("query: reads name, type, class and EDNS", "[dns][query]") {
    Query query;
    REQUIRE(
        parse(makeQuery("Www.MMSD.", 33, {.udpSize = 4096, .ednsVersion = 1, .isDnssecOk = true}),
              query) == QueryState::Good);
    CHECK(query.name() == "\3www\4mmsd");
    CHECK(query.labelCount == 2);
    CHECK(query.labels[1] == 4);
    CHECK(query.type == 33);
    CHECK(query.qclass == 1);
    CHECK(query.hasEdns);
    CHECK(query.udpSize == 4096);
    CHECK(query.ednsVersion == 1);
    CHECK(query.isDnssecOk);
}

TEST_CASE("query: lower-cases letters and nothing else", "[dns][query]") {
    std::string name;
    for (int c = 1; c < 256; ++c) {
        if (c % 50 == 1 && c != 1)
            name += '.';
        name += c == '.' ? '-' : static_cast<char>(c);
    }
    Query query;
    REQUIRE(parse(makeQuery(name.substr(0, 240), 1), query) == QueryState::Good);
    const Octets original = makeQuery(name.substr(0, 240), 1);
    for (std::size_t i = 0; i < query.nameSize; ++i) {
        const std::uint8_t c = original[kHeaderSize + i];
        const bool isUpper = c >= 'A' && c <= 'Z';
        CHECK(static_cast<std::uint8_t>(query.octets[i]) == (isUpper ? c + 32 : c));
    }
}

TEST_CASE("query: no prefix of a query is good", "[dns][query]") {
    const Octets whole = makeQuery("www.mmsd.", 1);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const QueryState state = parse({whole.begin(), whole.begin() + static_cast<long>(size)});
        CHECK(state == (size < 12   ? QueryState::Ignored
                        : size < 26 ? QueryState::BadHeader
                                    : QueryState::BadRecords));
    }
    Octets longer = whole;
    longer.push_back(0);
    CHECK(parse(longer) == QueryState::BadRecords);
}

TEST_CASE("query: responses are not answered", "[dns][query]") {
    CHECK(parse(with(makeQuery("www.mmsd.", 1), 2, 0x80)) == QueryState::Ignored);
}

TEST_CASE("query: one question, uncompressed, with a legal name", "[dns][query]") {
    const Octets good = makeQuery("www.mmsd.", 1, {.hasEdns = false});
    CHECK(parse(good) == QueryState::Good);
    CHECK(parse(with(good, 5, 0)) == QueryState::BadHeader);
    CHECK(parse(with(good, 5, 2)) == QueryState::BadHeader);
    CHECK(parse(with(with(good, 5, 0), 2, 0x30)) == QueryState::UnknownForm);
    CHECK(parse(with(with(good, 5, 2), 2, 0x78)) == QueryState::UnknownForm);
    CHECK(parse(with(good, 12, 0xc0)) == QueryState::BadHeader);
    CHECK(parse(with(good, 12, 64)) == QueryState::BadHeader);
    CHECK(parse(with(good, 7, 1)) == QueryState::BadRecords);
    CHECK(parse(with(good, 9, 1)) == QueryState::BadRecords);
    CHECK(parse(with(good, 11, 1)) == QueryState::BadRecords);

    const std::string label63 = std::string(63, 'a') + ".";
    const std::string longest = label63 + label63 + label63 + std::string(61, 'b') + ".";
    CHECK(parse(makeQuery(longest, 1)) == QueryState::Good);
    CHECK(parse(makeQuery(longest + "c.", 1)) == QueryState::BadHeader);
    std::string many;
    for (int i = 0; i < 127; ++i)
        many += "a.";
    CHECK(parse(makeQuery(many, 1)) == QueryState::Good);
    CHECK(parse(makeQuery(many + "a.", 1)) == QueryState::BadHeader);
    CHECK(parse(makeQuery("", 1)) == QueryState::Good);
}

TEST_CASE("query: only IXFR may bring a record in the authority section", "[dns][query]") {
    const auto ask = [](std::uint16_t type, std::uint8_t records) {
        Octets query = with(makeQuery("www.mmsd.", type), 9, records);
        const Octets soa{0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 1, 0};
        for (std::uint8_t i = 0; i < records; ++i)
            query.insert(query.end() - kOptSize, soa.begin(), soa.end());
        Query parsed;
        const QueryState state = parse(query, parsed);
        CHECK(parsed.hasEdns == (state == QueryState::Good));
        return state;
    };
    CHECK(ask(kTypeIxfr, 0) == QueryState::Good);
    CHECK(ask(kTypeIxfr, 1) == QueryState::Good);
    CHECK(ask(kTypeIxfr, 2) == QueryState::BadRecords);
    CHECK(ask(kTypeAxfr, 1) == QueryState::BadRecords);
    CHECK(ask(kTypeSoa, 1) == QueryState::BadRecords);
}

TEST_CASE("query: OPT once, at the root, with whole options", "[dns][query]") {
    const Octets good = makeQuery("www.mmsd.", 1);
    const std::size_t opt = good.size() - kOptSize;
    Octets twice = with(good, 11, 2);
    twice.insert(twice.end(), good.begin() + static_cast<long>(opt), good.end());
    CHECK(parse(twice) == QueryState::BadRecords);

    Octets named = good;
    named[opt] = 1;
    named.insert(named.begin() + static_cast<long>(opt) + 1, {'x', 0});
    CHECK(parse(named) == QueryState::BadRecords);

    Octets cookie = with(good, good.size() - 1, 12);
    cookie.insert(cookie.end(), {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(parse(cookie) == QueryState::Good);
    CHECK(parse(with(cookie, good.size() + 3, 9)) == QueryState::BadRecords);
    CHECK(parse(with(cookie, good.size() + 3, 7)) == QueryState::BadRecords);
}
