// SPDX-License-Identifier: MIT
// Tests of Responder: what each kind of query gets.
#include "tests/support/catch.h"
#include "tests/unit/dns/asking.h"
#include "tests/unit/dns/state_builder.h"

#include <map>
#include <set>

using namespace mmsd;
using namespace mmsd::dns;
using namespace mmsd::dns::test;

namespace {

using Texts = std::vector<std::string>;

constexpr const char* kSoa = "mmsd. SOA ns.mmsd. hostmaster.mmsd. 1000 3600 600 86400 5";

/** /web with two instances and /db/redis with one, of both families. */
struct TwoApps : Server {
    explicit TwoApps(ZoneOptions zoneOptions = options()) : Server{std::move(zoneOptions)} {
        protocol::App web = app("/web", {port("http"), port("dns", true, true)},
                                {instance("t1", "10.0.0.1", {31000, 31001}),
                                 instance("t2", "10.0.0.2", {32000, 32001})});
        web.labels = {{"env", "prod"}, {"owner", "me"}};
        protocol::App redis = app("/db/redis", {port()}, {instance("t3", "10.0.0.3", {6379})});
        redis.instances[0].hostAddresses.push_back(ip("2001:db8::3"));
        update(zone, {shared(web), shared(redis), shared(app("/empty"))});
    }
    static std::string label(const std::string& task) {
        return instanceLabel(instanceHash(task)).substr(1);
    }
};

unsigned code(Rcode rcode) {
    return static_cast<unsigned>(rcode);
}

} // namespace

TEST_CASE("responder: addresses, each once, with authority", "[dns][responder]") {
    TwoApps server;
    const ParsedReply reply = server.ask("web.mmsd.", kTypeA);
    CHECK(reply.id == 0x1234);
    CHECK(reply.rcode == 0);
    CHECK(reply.has(kFlagResponse));
    CHECK(reply.has(kFlagAuthoritative));
    CHECK(reply.has(kFlagRecursionDesired));
    CHECK_FALSE(reply.has(0x0080)); // recursion available
    CHECK(reply.authority.empty());
    CHECK(reply.ttls == std::vector<std::uint32_t>{5, 5});
    CHECK(server.answers("web.mmsd.", kTypeA) ==
          Texts{"web.mmsd. A 10.0.0.1", "web.mmsd. A 10.0.0.2"});
    CHECK(server.answers("redis.db.mmsd.", kTypeAaaa) == Texts{"redis.db.mmsd. AAAA 2001:db8::3"});
    CHECK(server.answers(TwoApps::label("t2") + ".web.mmsd.", kTypeA).size() == 1);
}

TEST_CASE("responder: an address answer, octet by octet", "[dns][responder]") {
    TwoApps server;
    const auto reply = respond(server.responder, makeQuery("rEdis.db.mmsd.", kTypeA));
    const std::vector<std::uint8_t> expected{
        0x12, 0x34, 0x85, 0x00, 0,    1,   0, 1,   0,   0, 0,   1, // header
        5,    'r',  'E',  'd',  'i',  's', 2, 'd', 'b', 4, 'm', 'm', 's', 'd', 0, 0,
        1,    0,    1,                                                               // question
        0xc0, 12,   0,    1,    0,    1,   0, 0,   0,   5, 0,   4,   10,  0,   0, 3, // A
        0,    0,    41,   0x04, 0xd0, 0,   0, 0,   0,   0, 0};                       // OPT
    CHECK(reply == expected);
}

TEST_CASE("responder: the asker's spelling comes back", "[dns][responder]") {
    TwoApps server;
    const ParsedReply reply = server.ask("wEb.MmSd.", kTypeA);
    CHECK(reply.question == "wEb.MmSd.");
    for (const std::string& record : reply.answer)
        CHECK(record.starts_with("wEb.MmSd. A "));
    CHECK(server.ask("NoNe.MmSd.", kTypeA).authority[0].starts_with("MmSd. SOA "));
}

TEST_CASE("responder: services with targets in the zone and their addresses", "[dns][responder]") {
    TwoApps server;
    const std::string one = TwoApps::label("t1") + ".web.mmsd.";
    const std::string two = TwoApps::label("t2") + ".web.mmsd.";
    Texts expected{"web.mmsd. SRV 1 1 31000 " + one, "web.mmsd. SRV 1 1 31001 " + one,
                   "web.mmsd. SRV 1 1 32000 " + two, "web.mmsd. SRV 1 1 32001 " + two};
    CHECK(server.answers("web.mmsd.", kTypeSrv) == expected);
    Texts glue = server.ask("web.mmsd.", kTypeSrv).additional;
    std::sort(glue.begin(), glue.end());
    Texts expectedGlue{one + " A 10.0.0.1", two + " A 10.0.0.2"};
    std::sort(expectedGlue.begin(), expectedGlue.end());
    CHECK(glue == expectedGlue);

    for (const char* name : {"_http._tcp.web.mmsd.", "_0._tcp.web.mmsd."})
        CHECK(server.answers(name, kTypeSrv) == Texts{std::string{name} + " SRV 1 1 31000 " + one,
                                                      std::string{name} + " SRV 1 1 32000 " + two});
    CHECK(server.answers("_dns._udp.web.mmsd.", kTypeSrv).size() == 2);
    CHECK(server.answers("_1._tcp.web.mmsd.", kTypeSrv).size() == 2);
    CHECK(server.ask("_http._udp.web.mmsd.", kTypeSrv).rcode == code(Rcode::NxDomain));
    CHECK(server.ask("redis.db.mmsd.", kTypeSrv).additional.size() == 2); // both families
}

TEST_CASE("responder: labels, authority records, pointers", "[dns][responder]") {
    TwoApps server;
    CHECK(server.answers("web.mmsd.", kTypeTxt) ==
          Texts{"web.mmsd. TXT \"env=prod\" \"owner=me\""});
    CHECK(server.answers("mmsd.", kTypeSoa) == Texts{kSoa});
    CHECK(server.answers("mmsd.", kTypeNs) == Texts{"mmsd. NS ns.mmsd."});
    CHECK(server.answers("1.0.0.10.in-addr.arpa.", kTypePtr) ==
          Texts{"1.0.0.10.in-addr.arpa. PTR " + TwoApps::label("t1") + ".web.mmsd."});
    CHECK(server.answers(toText(reverseName(ip("2001:db8::3"))) + ".", kTypePtr).size() == 1);
    const ParsedReply noData = server.ask("1.0.0.10.in-addr.arpa.", kTypeA);
    CHECK(noData.rcode == 0);
    CHECK(noData.answer.empty());
    CHECK(noData.authority ==
          Texts{"1.0.0.10.in-addr.arpa. SOA ns.mmsd. hostmaster.mmsd. 1000 3600 600 86400 5"});
    CHECK(server.ask("9.9.9.10.in-addr.arpa.", kTypePtr).rcode == code(Rcode::Refused));
}

TEST_CASE("responder: negative answers carry the SOA record", "[dns][responder]") {
    TwoApps server;
    for (const char* name : {"none.mmsd.", "a.b.c.none.mmsd.", "x.web.mmsd.", "_.mmsd."}) {
        const ParsedReply reply = server.ask(name, kTypeA);
        CHECK(reply.rcode == code(Rcode::NxDomain));
        CHECK(reply.has(kFlagAuthoritative));
        CHECK(reply.authority == Texts{kSoa});
    }
    // Known name, other type; empty non-terminals; app without instances; unknown types.
    const std::vector<std::pair<std::string, std::uint16_t>> known{
        {"web.mmsd.", kTypeAaaa}, {"web.mmsd.", kTypePtr},       {"db.mmsd.", kTypeA},
        {"empty.mmsd.", kTypeA},  {"empty.mmsd.", kTypeSrv},     {"_tcp.web.mmsd.", kTypeSrv},
        {"web.mmsd.", 99},        {"_0._tcp.web.mmsd.", kTypeA}, {"mmsd.", kTypeA}};
    for (const auto& [name, type] : known) {
        const ParsedReply reply = server.ask(name, type);
        CHECK(reply.rcode == 0);
        CHECK(reply.answer.empty());
        CHECK(reply.authority == Texts{kSoa});
    }
}

TEST_CASE("responder: refuses what it does not serve", "[dns][responder]") {
    TwoApps server;
    for (const char* name : {"example.org.", ".", "mmsd.org.", "xmmsd.", "arpa."}) {
        const ParsedReply reply = server.ask(name, kTypeA);
        CHECK(reply.rcode == code(Rcode::Refused));
        CHECK_FALSE(reply.has(kFlagAuthoritative));
        CHECK(reply.authority.empty());
        CHECK(reply.question == name);
    }
    // Octets that look like the base name, but inside a label.
    const std::string inside = std::string{"x\4mmsd"} + ".";
    CHECK(server.ask(inside, kTypeA).rcode == code(Rcode::Refused));
    CHECK(server.ask("version.bind.", kTypeTxt, {.qclass = 3}).rcode == code(Rcode::Refused));
    CHECK(server.ask("web.mmsd.", kTypeAxfr).rcode == code(Rcode::Refused));
    CHECK(server.ask("web.mmsd.", kTypeIxfr).rcode == code(Rcode::Refused));
    CHECK(server.ask("web.mmsd.", 253).rcode == code(Rcode::NotImp));
    CHECK(server.ask("web.mmsd.", kTypeOpt).rcode == code(Rcode::FormErr));
    const ParsedReply notify = server.ask("web.mmsd.", kTypeA, {.flags = 0x2000, .hasEdns = false});
    CHECK(notify.rcode == code(Rcode::NotImp));
    CHECK((notify.flags & kFlagsOpcode) == 0x2000);
    // Another opcode's messages need not have a question: stateful operations, RFC 8490 §5.4.
    const ParsedReply stateful =
        parseReply(respond(server.responder, {1, 2, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
    CHECK(stateful.rcode == code(Rcode::NotImp));
    CHECK((stateful.flags & kFlagsOpcode) == 0x3000);
    CHECK(stateful.size == kHeaderSize);
    CHECK(server.counters.of(Transport::Udp).malformed == 0);
}

TEST_CASE("responder: ANY gets one RRset", "[dns][responder]") {
    TwoApps server;
    const ParsedReply reply = server.ask("web.mmsd.", kTypeAny);
    CHECK(reply.rcode == 0);
    CHECK(reply.answer.size() == 2);
    for (const std::string& record : reply.answer)
        CHECK(record.find(" A ") != std::string::npos);
    CHECK(server.ask("empty.mmsd.", kTypeAny).authority.size() == 1);
}

TEST_CASE("responder: EDNS by the book", "[dns][responder]") {
    TwoApps server;
    const ParsedReply plain = server.ask("web.mmsd.", kTypeA, {.hasEdns = false});
    CHECK_FALSE(plain.hasEdns);
    CHECK(plain.answer.size() == 2);
    const ParsedReply edns = server.ask("web.mmsd.", kTypeA, {.isDnssecOk = true});
    CHECK(edns.hasEdns);
    CHECK(edns.udpSize == 1'232);
    CHECK(edns.isDnssecOk);
    const ParsedReply version = server.ask("web.mmsd.", kTypeA, {.ednsVersion = 1});
    CHECK(version.rcode == code(Rcode::BadVers));
    CHECK(version.hasEdns);
    CHECK(version.answer.empty());
    CHECK_FALSE(version.has(kFlagAuthoritative));
}

TEST_CASE("responder: malformed queries get FORMERR or nothing", "[dns][responder]") {
    TwoApps server;
    auto broken = makeQuery("web.mmsd.", kTypeA);
    broken.pop_back();
    const ParsedReply reply = parseReply(respond(server.responder, broken));
    CHECK(reply.rcode == code(Rcode::FormErr));
    CHECK(reply.question == "web.mmsd.");
    const ParsedReply headless =
        parseReply(respond(server.responder, {1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    CHECK(headless.rcode == code(Rcode::FormErr));
    CHECK(headless.size == 12);
    CHECK(respond(server.responder, {1, 2, 0, 0}).empty());
    CHECK(respond(server.responder, {}).empty());
    CHECK(server.counters.of(Transport::Udp).malformed == 4);
    CHECK(server.counters.of(Transport::Udp).dropped == 2);
}

namespace {

/** A zone of one app with @p count instances. */
struct ManyInstances : Server {
    explicit ManyInstances(unsigned count, bool shallPush = false)
        : Server{makeOptions(shallPush)} {
        protocol::App web = app("/web", {port("http")});
        for (unsigned i = 0; i < count; ++i)
            web.instances.push_back(instance(
                "t" + std::to_string(i),
                "10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200), {31000}));
        web.labels = {{"long", std::string(240, 'x')},
                      {"other", std::string(240, 'y')},
                      {"third", std::string(240, 'z')}};
        update(zone, {shared(web)});
    }
    static ZoneOptions makeOptions(bool shallPush) {
        ZoneOptions made = options();
        made.shallPushServices = shallPush;
        return made;
    }
};

} // namespace

TEST_CASE("responder: what does not fit is cut between records and said so", "[dns][responder]") {
    ManyInstances server{200};
    for (const int wanted : {0, 100, 512, 513, 800, 1'232, 4'096, 65'535}) {
        const auto size = static_cast<std::uint16_t>(wanted);
        const std::size_t limit = std::clamp<std::size_t>(size, 512, 1'232);
        for (const std::uint16_t type : {kTypeA, kTypeSrv}) {
            const ParsedReply reply = server.ask("web.mmsd.", type, {.udpSize = size});
            CHECK(reply.size <= limit);
            CHECK(reply.size + 64 > limit);
            CHECK(reply.has(kFlagTruncated));
            CHECK(reply.hasEdns);
            CHECK(reply.additional.empty());
            CHECK_FALSE(reply.answer.empty());
        }
    }
    const ParsedReply plain = server.ask("web.mmsd.", kTypeA, {.hasEdns = false});
    CHECK(plain.size <= 512);
    CHECK(plain.has(kFlagTruncated));
    const ParsedReply text = server.ask("web.mmsd.", kTypeTxt, {.udpSize = 512});
    CHECK(text.has(kFlagTruncated));
    CHECK(text.answer.empty());
    for (const std::uint16_t type : {kTypeA, kTypeSrv}) {
        for (const bool hasEdns : {false, true}) {
            const ParsedReply whole =
                server.ask("web.mmsd.", type, {.hasEdns = hasEdns, .transport = Transport::Tcp});
            CHECK(whole.answer.size() == 200);
            CHECK_FALSE(whole.has(kFlagTruncated));
            CHECK(whole.additional.size() == (type == kTypeSrv ? 200 : 0));
        }
    }
}

TEST_CASE("responder: additional records may be missing without TC", "[dns][responder]") {
    ManyInstances server{9};
    const ParsedReply small = server.ask("web.mmsd.", kTypeSrv, {.udpSize = 512});
    CHECK(small.answer.size() == 9);
    CHECK(small.additional.empty());
    CHECK_FALSE(small.has(kFlagTruncated));
    CHECK(server.ask("web.mmsd.", kTypeSrv).additional.size() == 9);
}

TEST_CASE("responder: pushes services with addresses where it shall", "[dns][responder]") {
    ManyInstances server{3, true};
    const ParsedReply reply = server.ask("web.mmsd.", kTypeA);
    CHECK(reply.answer.size() == 3);
    REQUIRE(reply.additional.size() == 3);
    CHECK(reply.additional[0].starts_with("web.mmsd. SRV 1 1 31000 "));
    CHECK(ManyInstances{3}.ask("web.mmsd.", kTypeA).additional.empty());
}

TEST_CASE("responder: every record comes first about as often", "[dns][responder]") {
    ManyInstances server{4};
    for (const std::uint16_t type : {kTypeA, kTypeSrv}) {
        std::map<std::string, int> first;
        for (int i = 0; i < 4'000; ++i) {
            const ParsedReply reply = server.ask("web.mmsd.", type);
            CHECK(std::set<std::string>(reply.answer.begin(), reply.answer.end()).size() == 4);
            ++first[reply.answer.front()];
        }
        CHECK(first.size() == 4);
        for (const auto& [record, count] : first)
            CHECK(count > 800);
    }
}

TEST_CASE("responder: a deep base name, and the root", "[dns][responder]") {
    TwoApps deep{options("dc1.mesos.example.org.")};
    CHECK(deep.answers("web.dc1.mesos.example.org.", kTypeA).size() == 2);
    CHECK(deep.ask("web.mesos.example.org.", kTypeA).rcode == code(Rcode::Refused));
    CHECK(deep.ask("mesos.example.org.", kTypeSoa).rcode == code(Rcode::Refused));
    CHECK(deep.ask("x.dc1.mesos.example.org.", kTypeA)
              .authority.at(0)
              .starts_with("dc1.mesos.example.org. SOA ns.dc1.mesos.example.org. "));
    TwoApps root{options(".")};
    CHECK(root.answers("web.", kTypeA).size() == 2);
    CHECK(root.ask("none.", kTypeA).rcode == code(Rcode::NxDomain));
    CHECK(root.ask("none.", kTypeA).authority.at(0).starts_with(". SOA ns. hostmaster. "));
    CHECK(root.answers(".", kTypeSoa).size() == 1);
    CHECK(root.answers("redis.db.", kTypeSrv).size() == 1);
}

TEST_CASE("responder: counts by type, code and transport", "[dns][responder]") {
    TwoApps server;
    (void)server.ask("web.mmsd.", kTypeA);
    (void)server.ask("none.mmsd.", kTypeSrv, {.transport = Transport::Tcp});
    const auto& udp = server.counters.of(Transport::Udp);
    const auto& tcp = server.counters.of(Transport::Tcp);
    CHECK(udp.queries[static_cast<std::size_t>(TypeSlot::A)] == 1);
    CHECK(udp.responses[static_cast<std::size_t>(RcodeSlot::NoError)] == 1);
    CHECK(tcp.queries[static_cast<std::size_t>(TypeSlot::Srv)] == 1);
    CHECK(tcp.responses[static_cast<std::size_t>(RcodeSlot::NxDomain)] == 1);
    std::vector<protocol::Metric> metrics;
    appendMetrics(server.counters, metrics);
    double total = 0;
    for (const protocol::Metric& metric : metrics) {
        CHECK(metric.name.starts_with("dns_"));
        total += metric.value;
    }
    CHECK(total == 4);
}
