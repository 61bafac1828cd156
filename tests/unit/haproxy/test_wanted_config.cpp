// SPDX-License-Identifier: MIT
// The configuration kept up to date by what changes is the one made from nothing, whatever way led
// there; and what did not change stays the same object.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/plain_model.h"
#include "workers/haproxy-manager/wanted_config.h"

#include <algorithm>
#include <random>
#include <set>
#include <tuple>

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;

namespace {

using Told = std::multiset<std::tuple<std::string, unsigned, std::string, int, bool>>;

Told told(const std::vector<protocol::Refusal>& refusals) {
    Told all;
    for (const protocol::Refusal& refusal : refusals)
        all.emplace(refusal.appId, refusal.portIndex, refusal.reason,
                    static_cast<int>(refusal.rule), refusal.isPartial);
    return all;
}

/** Changes apps at random: few ids, ports and names, so that they collide all the time. */
class Walk {
public:
    explicit Walk(unsigned seed) : random_{seed} {}

    [[nodiscard]] std::size_t below(std::size_t limit) { return random_() % limit; }

    std::shared_ptr<const protocol::Snapshot> next() {
        for (std::size_t i = below(3) + 1; i > 0; --i)
            step();
        auto made = std::make_shared<protocol::Snapshot>();
        for (const auto& [id, app] : apps_)
            made->apps.push_back(app);
        return made;
    }

private:
    void step() {
        static const std::vector<std::string> ids{"/a", "/b", "/b/c", "/b_c", "/d d", "/e", "/f"};
        const std::string& id = ids[below(ids.size())];
        const auto known = apps_.find(id);
        if (known != apps_.end() && below(4) == 0)
            apps_.erase(known);
        else if (known != apps_.end() && below(3) != 0)
            apps_[id] = std::make_shared<const protocol::App>(scaled(*known->second));
        else
            apps_[id] = std::make_shared<const protocol::App>(fresh(id));
    }

    protocol::App scaled(protocol::App app) {
        if (!app.instances.empty() && below(2) == 0)
            app.instances.erase(app.instances.begin() +
                                static_cast<long>(below(app.instances.size())));
        else
            addInstance(app);
        return app;
    }

    void addInstance(protocol::App& app) {
        using enum protocol::Serving;
        constexpr std::array kServings{Yes, Yes, Draining, Unhealthy};
        const auto port = static_cast<std::uint16_t>(31'000 + below(5));
        app.instances.push_back(instance("10.0.0." + std::to_string(below(3) + 1),
                                         {port, static_cast<std::uint16_t>(port + 10)},
                                         kServings[below(kServings.size())]));
    }

    protocol::App fresh(const std::string& id) {
        static const std::vector<std::pair<std::string, std::string>> labels{
            {"proto", "http"},
            {"proto", "http"},
            {"lb-vhost", "x.com, *.y.com"},
            {"lb-vhost", "x.com"},
            {"lb-vhost", "z.com,z.com"},
            {"lb-vhost-ssl", "x.com, t.com"},
            {"lb-vhost", "bad host"},
            {"lb-vhost-default", "0"},
            {"lb-vhost-ssl-default", "1"},
            {"lb-balance", "random"},
            {"lb-balance", "nonsense"},
            {"lb-group", "internal"},
            {"disable-haproxy-health-check", "true"}};
        auto app = haproxy::test::app(id, {});
        app.version = "201" + std::to_string(below(3)) + "-01-01T00:00:00Z";
        for (std::size_t i = below(3); i > 0; --i) {
            protocol::Port port;
            port.servicePort = static_cast<std::uint16_t>(below(8) == 0 ? 0 : 10'000 + below(6));
            port.isTcp = below(8) != 0;
            for (std::size_t j = below(3); j > 0; --j)
                port.labels.insert(labels[below(labels.size())]);
            app.ports.push_back(std::move(port));
        }
        for (std::size_t j = below(4); j > 0; --j)
            app.labels.insert(labels[below(labels.size())]);
        for (std::size_t j = below(3); j > 0; --j)
            addInstance(app);
        return app;
    }

    std::mt19937 random_;
    std::map<std::string, std::shared_ptr<const protocol::App>> apps_;
};

/** What is in force after a step: mostly what was wanted, now and then a part of it. */
Config inForce(Walk& walk, const Config& before, const Config& wanted) {
    switch (walk.below(6)) {
    case 0: // the reload has to wait, the rest does not
        return reconcile(before, wanted, {}, {}, true).reachable;
    case 1: // somebody is in quarantine
        if (!wanted.fragments.empty()) {
            Config part = wanted;
            part.fragments.erase(part.fragments.begin() +
                                 static_cast<long>(walk.below(part.fragments.size())));
            return part;
        }
        return wanted;
    case 2: // taken over from disk: equal, but no object is the same
    {
        Config read = parseConfig(render(wanted).text);
        read.maps = wanted.maps;
        return read;
    }
    case 3: // HAProxy died and did not start again
        return walk.below(4) == 0 ? Config{} : wanted;
    default:
        return wanted;
    }
}

} // namespace

TEST_CASE("wanted config: equals what is made from nothing after any sequence of changes",
          "[haproxy][wanted]") {
    const unsigned seed = GENERATE(range(1U, 41U));
    CAPTURE(seed);
    Walk walk{seed};
    ExposureRules rules;
    rules.hasGateway = seed % 4 != 0;
    rules.ownPorts = {{10'005, "something"}};
    if (seed % 5 == 0)
        rules.groups = {"internal"};
    const ConfigOptions config = rules.hasGateway ? gatewayOptions() : options();
    WantedConfig wanted{rules, config.bindIp};
    Config running;
    bool areChecksOn = true;
    for (int step = 0; step < 60; ++step) {
        CAPTURE(step);
        const auto state = walk.next();
        if (walk.below(10) == 0)
            areChecksOn = !areChecksOn;
        const Config before = wanted.config();
        wanted.update(state, running);
        wanted.switchChecks(areChecksOn);
        wanted.setGlobals(config, "");

        const PlainResult plain =
            plainResult(*state, rules, claimsOf(running), config, areChecksOn);
        REQUIRE(render(wanted.config()).text == render(plain.config).text);
        REQUIRE(wanted.config() == plain.config);
        REQUIRE(wanted.demand().listeners == plain.demand.listeners);
        REQUIRE(wanted.demand().checkedServers == plain.demand.checkedServers);
        REQUIRE(wanted.draining() == plain.draining);
        REQUIRE(told(wanted.refusals()) == told(plain.refusals));

        WantedConfig fresh{rules, config.bindIp};
        fresh.update(state, running);
        fresh.switchChecks(areChecksOn);
        const auto same = [](const auto& a, const auto& b) {
            return a.appId == b.appId && a.portIndex == b.portIndex && a.reason == b.reason;
        };
        REQUIRE(std::ranges::equal(wanted.refusals(), fresh.refusals(), same));

        forEachDifference(before.fragments, wanted.config().fragments,
                          [](const Fragment* old, const Fragment* made) {
                              REQUIRE((old == nullptr || made == nullptr || !(*old == *made)));
                          });
        running = inForce(walk, running, wanted.config());
    }
}

TEST_CASE("wanted config: tells which service ports are held", "[haproxy][wanted]") {
    WantedConfig wanted{{}, options().bindIp};
    const auto state = std::make_shared<const protocol::Snapshot>(
        snapshot({app("/a", {10'000}), app("/b", {10'001})}));
    wanted.update(state, {});
    CHECK_FALSE(wanted.isHeld(10'000));
    Config running = wanted.config();
    running.fragments.erase(running.fragments.begin());
    wanted.update(state, running);
    CHECK_FALSE(wanted.isHeld(10'000));
    CHECK(wanted.isHeld(10'001));
    wanted.update(state, {});
    CHECK_FALSE(wanted.isHeld(10'001));
}
