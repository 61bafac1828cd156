// SPDX-License-Identifier: MIT
// Properties of the zone over random states: answers say what the state says, and an incremental
// update ends where a rebuild does.
#include "tests/support/catch.h"
#include "tests/unit/dns/asking.h"
#include "tests/unit/dns/state_builder.h"

#include <random>
#include <set>

using namespace mmsd;
using namespace mmsd::dns;
using namespace mmsd::dns::test;

namespace {

using Texts = std::vector<std::string>;
using Random = std::mt19937;

int below(Random& random, int limit) {
    return static_cast<int>(random() % static_cast<unsigned>(limit));
}

/** Few names, so that apps come, go, change and collide. */
protocol::App randomApp(Random& random) {
    static const std::vector<std::string> kSegments{"a", "b", "c", "b.a", "a.b", "_tcp", "ns"};
    std::string id;
    for (int depth = 1 + below(random, 3); depth > 0; --depth)
        id += "/" + kSegments[static_cast<std::size_t>(below(random, 7))];
    protocol::App made = app(id);
    made.version = "201" + std::to_string(below(random, 10)) + "-01-01T00:00:00Z";
    const int ports = below(random, 4);
    for (int i = 0; i < ports; ++i)
        made.ports.push_back(port(below(random, 2) == 0 ? "" : "p" + std::to_string(i),
                                  below(random, 4) != 0, below(random, 2) == 0));
    if (below(random, 3) == 0)
        made.labels = {{"k", std::to_string(below(random, 5))}};
    for (int i = below(random, 5); i > 0; --i) {
        std::vector<std::uint16_t> numbers;
        for (int p = 0; p < ports; ++p)
            numbers.push_back(
                static_cast<std::uint16_t>(below(random, 6) == 0 ? 0 : 31000 + below(random, 5)));
        made.instances.push_back(instance(id + "." + std::to_string(random()),
                                          "10.0.0." + std::to_string(below(random, 9)), numbers));
        made.instances.back().serving = static_cast<protocol::Serving>(below(random, 6));
        if (below(random, 4) == 0)
            made.instances.back().hostAddresses.push_back(ip("2001:db8::7"));
    }
    return made;
}

/** Every name of every app, with every type that matters. */
Texts ask(Server& server, const std::vector<AppPointer>& apps) {
    std::set<std::string> names{"mmsd.", "ns.mmsd.", "none.mmsd."};
    for (const AppPointer& app : apps) {
        for (const NameRecords& name : makeAppRecords(*app, 5).names)
            names.insert(toText(name.name) + ".mmsd.");
    }
    for (int i = 0; i < 9; ++i)
        names.insert(std::to_string(i) + ".0.0.10.in-addr.arpa.");
    Texts all;
    for (const std::string& name : names) {
        for (const std::uint16_t type :
             {kTypeA, kTypeAaaa, kTypeSrv, kTypeTxt, kTypePtr, kTypeNs}) {
            ParsedReply reply = server.ask(name, type, {.transport = Transport::Tcp});
            std::sort(reply.answer.begin(), reply.answer.end());
            std::string text =
                name + " " + std::to_string(type) + " " + std::to_string(reply.rcode) + ":";
            for (const std::string& record : reply.answer)
                text += " " + record + ";";
            all.push_back(std::move(text));
        }
    }
    return all;
}

std::set<std::string> servingAddresses(const protocol::App& app, bool isV6) {
    std::set<std::string> found;
    for (const protocol::Instance& instance : app.instances) {
        if (!protocol::isServing(instance))
            continue;
        for (const IpAddress& address : instance.hostAddresses) {
            if (address.isV6() == isV6)
                found.insert(address.toString());
        }
    }
    return found;
}

} // namespace

TEST_CASE("zone property: updates in steps end where a rebuild does", "[dns][property]") {
    Random random{20161013};
    for (int run = 0; run < 20; ++run) {
        Server server{options()};
        std::vector<AppPointer> apps;
        for (std::uint32_t step = 1; step < 15; ++step) {
            // Some go, some change, some come.
            std::erase_if(apps, [&](const AppPointer&) { return below(random, 5) == 0; });
            for (int i = below(random, 6); i > 0; --i) {
                const AppPointer next = shared(randomApp(random));
                std::erase_if(apps, [&](const AppPointer& app) { return app->id == next->id; });
                apps.push_back(next);
            }
            update(server.zone, apps, step);
            const Texts incremental = ask(server, apps);
            // A rebuild in place keeps the winners; the data must be the same.
            CHECK_FALSE(update(server.zone, apps, step, true));
            CHECK(ask(server, apps) == incremental);
            // A new zone may choose other winners, but only where names collide.
            Server fresh{options()};
            update(fresh.zone, apps, step);
            if (server.zone.refusals().empty())
                CHECK(ask(fresh, apps) == incremental);
            CHECK(fresh.zone.counts().names == server.zone.counts().names);
            CHECK(fresh.zone.counts().reverseNames == server.zone.counts().reverseNames);
            CHECK(fresh.zone.counts().apps == apps.size());
        }
        update(server.zone, {});
        CHECK(server.zone.counts().names == 2);
        CHECK(server.zone.counts().reverseNames == 0);
    }
}

TEST_CASE("zone property: answers say what the state says", "[dns][property]") {
    Random random{4};
    for (int run = 0; run < 200; ++run) {
        Server server{options()};
        const AppPointer only = shared(randomApp(random));
        update(server.zone, {only});
        std::string reason;
        const auto name = nameOfApp(only->id, 5, reason);
        REQUIRE(name);
        const std::string text = toText(*name) + ".mmsd.";
        if (std::any_of(only->instances.begin(), only->instances.end(), protocol::isServing)) {
            for (const bool isV6 : {false, true}) {
                std::set<std::string> answered;
                for (const std::string& record : server.ask(text, isV6 ? kTypeAaaa : kTypeA).answer)
                    answered.insert(record.substr(record.rfind(' ') + 1));
                CHECK(answered == servingAddresses(*only, isV6));
            }
        }
        // Each target of an SRV record has the addresses in the additional section, and by itself.
        const ParsedReply srv = server.ask(text, kTypeSrv, {.transport = Transport::Tcp});
        for (const std::string& record : srv.answer) {
            const std::string target = record.substr(record.rfind(' ') + 1);
            std::set<std::string> direct;
            for (const std::uint16_t type : {kTypeA, kTypeAaaa}) {
                for (const std::string& address : server.ask(target, type).answer)
                    direct.insert(address);
            }
            std::set<std::string> glue;
            for (const std::string& address : srv.additional) {
                if (address.starts_with(target + " "))
                    glue.insert(address);
            }
            CHECK(glue == direct);
            CHECK_FALSE(glue.empty());
        }
    }
}
