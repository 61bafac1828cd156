// SPDX-License-Identifier: MIT
// Tests of the table of UDP sessions, with examples and at random.
#include "tests/support/catch.h"
#include "workers/udp-balancer/session_table.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

using namespace mmsd;
using namespace mmsd::udp;
using namespace std::chrono_literals;

namespace {

constexpr std::array<std::uint64_t, 2> kSecret{0x1234567890abcdef, 0xfedcba0987654321};
const TimePoint kStart{1h};

InetEndpoint endpoint(std::uint32_t number, std::uint16_t port = 4000) {
    in_addr address{};
    address.s_addr = htonl(0x0a000000 + number);
    return {IpAddress{address}, port};
}

/** Targets endpoint(first) … by number; those in @p draining take nothing new. */
Service service(const std::vector<std::uint32_t>& numbers,
                const std::set<std::uint32_t>& draining = {}, std::chrono::milliseconds idle = 60s,
                Mode mode = Mode::RoundRobin) {
    Service made;
    made.mode = mode;
    made.idle = idle;
    for (const std::uint32_t number : numbers)
        made.targets.push_back({endpoint(number, 9), !draining.contains(number)});
    std::ranges::sort(made.targets);
    return made;
}

struct Fixture {
    explicit Fixture(std::uint32_t capacity)
        : table{capacity, kSecret, [this](SessionId id) { ended.push_back(id); }} {}

    /** The number of the target that serves @p client; nothing if none. */
    std::optional<std::uint32_t> ask(ServiceId id, std::uint32_t client, TimePoint now = kStart) {
        const auto session = table.route(id, endpoint(client), now);
        if (!session)
            return std::nullopt;
        REQUIRE(table.client(*session) == endpoint(client));
        REQUIRE(table.service(*session) == id);
        const InetEndpoint* const target = table.target(*session);
        REQUIRE(target != nullptr);
        return target->address.data()[3];
    }

    std::vector<SessionId> ended;
    SessionTable table;
};

} // namespace

TEST_CASE("session table: 10 000 clients spread evenly over 5 instances and stick",
          "[udp][session_table]") {
    Fixture f{16'384};
    const ServiceId id = f.table.addService(service({1, 2, 3, 4, 5}));
    std::map<std::uint32_t, std::uint32_t> choice;
    std::map<std::uint32_t, int> load;
    for (std::uint32_t client = 0; client < 10'000; ++client)
        ++load[choice[client] = f.ask(id, client).value()];
    REQUIRE(load.size() == 5);
    for (const auto& [target, count] : load)
        CHECK(std::abs(count - 2'000) <= 100);
    for (std::uint32_t client = 0; client < 10'000; ++client)
        CHECK(f.ask(id, client, kStart + 59s) == choice[client]);
    CHECK(f.table.size() == 10'000);
    CHECK(f.ended.empty());
}

TEST_CASE("session table: tells clients apart by address, port and service",
          "[udp][session_table]") {
    Fixture f{16};
    const ServiceId a = f.table.addService(service({1}));
    const ServiceId b = f.table.addService(service({1}));
    const auto first = f.table.route(a, endpoint(1, 1), kStart);
    CHECK(first != f.table.route(a, endpoint(1, 2), kStart));
    CHECK(first != f.table.route(a, endpoint(2, 1), kStart));
    CHECK(first != f.table.route(b, endpoint(1, 1), kStart));
    CHECK(first == f.table.route(a, endpoint(1, 1), kStart));
    CHECK(f.table.sessions(a) == 3);
    CHECK(f.table.sessions(b) == 1);
}

TEST_CASE("session table: a session ends when it is idle", "[udp][session_table]") {
    Fixture f{16};
    const ServiceId id = f.table.addService(service({1, 2}, {}, 10s));
    CHECK(f.ask(id, 1) == 1);
    CHECK(f.ask(id, 2) == 2);
    const SessionId second = f.table.route(id, endpoint(2), kStart).value();
    f.table.touch(second, kStart + 5s);
    f.table.expire(kStart + 9999ms);
    CHECK(f.table.size() == 2);
    f.table.expire(kStart + 10s);
    CHECK(f.table.size() == 1);
    CHECK(f.table.sessionsOf(id) == std::vector{second});
    // Not swept yet, but over: a new turn.
    CHECK(f.ask(id, 2, kStart + 15s) == 1);
    CHECK(f.ended.size() == 2);
}

TEST_CASE("session table: a new state keeps sessions whose instance is still there",
          "[udp][session_table]") {
    Fixture f{64};
    const ServiceId id = f.table.addService(service({2, 4, 6}));
    std::map<std::uint32_t, std::uint32_t> choice;
    std::map<std::uint32_t, std::uint32_t> assignment;
    for (std::uint32_t client = 0; client < 30; ++client) {
        choice[client] = f.ask(id, client).value();
        assignment[client] = f.table.assignment(*f.table.route(id, endpoint(client), kStart));
    }
    f.table.updateService(id, service({1, 2, 3, 6}));
    CHECK(f.ended.empty());
    std::map<std::uint32_t, int> load;
    for (std::uint32_t client = 0; client < 30; ++client) {
        const std::uint32_t target = f.ask(id, client).value();
        const SessionId session = *f.table.route(id, endpoint(client), kStart);
        if (choice[client] == 4) {
            CHECK(target != 4);
            CHECK(f.table.assignment(session) > assignment[client]);
            ++load[target];
        } else {
            CHECK(target == choice[client]);
            CHECK(f.table.assignment(session) == assignment[client]);
        }
    }
    for (const auto& [target, count] : load)
        CHECK(count <= 3);
}

TEST_CASE("session table: draining keeps its sessions and takes no new ones",
          "[udp][session_table]") {
    Fixture f{64};
    const ServiceId id = f.table.addService(service({1, 2}));
    CHECK(f.ask(id, 10) == 1);
    CHECK(f.ask(id, 11) == 2);
    f.table.updateService(id, service({1, 2}, {1}));
    CHECK(f.ask(id, 10) == 1);
    for (std::uint32_t client = 20; client < 30; ++client)
        CHECK(f.ask(id, client) == 2);
    f.table.updateService(id, service({1, 2}, {1, 2}));
    CHECK(f.ask(id, 10) == 1);
    CHECK_FALSE(f.ask(id, 40));
    f.table.updateService(id, service({3}));
    CHECK(f.ask(id, 10) == 3);
}

TEST_CASE("session table: no instance, no session", "[udp][session_table]") {
    Fixture f{4};
    const ServiceId id = f.table.addService(service({}));
    CHECK_FALSE(f.ask(id, 1));
    CHECK(f.table.size() == 0);
    f.table.updateService(id, service({1}));
    CHECK(f.ask(id, 1) == 1);
    f.table.updateService(id, service({}));
    CHECK_FALSE(f.ask(id, 1));
    f.table.updateService(id, service({2}));
    CHECK(f.ask(id, 1) == 2);
}

TEST_CASE("session table: an instance that refuses is left alone for a while",
          "[udp][session_table]") {
    Fixture f{64};
    const ServiceId id = f.table.addService(service({1, 2, 3}));
    const SessionId session = f.table.route(id, endpoint(10), kStart).value();
    REQUIRE(f.ask(id, 10) == 1);
    f.table.refuse(session, kStart);
    CHECK(f.table.target(session) == nullptr);
    CHECK(f.ask(id, 10) == 2);
    for (std::uint32_t client = 20; client < 30; ++client)
        CHECK(f.ask(id, client, kStart + 1s) != 1);
    std::set<std::uint32_t> later;
    for (std::uint32_t client = 30; client < 40; ++client)
        later.insert(f.ask(id, client, kStart + kRefusalHold).value());
    CHECK(later.contains(1));
}

TEST_CASE("session table: an instance that refuses alone is tried again", "[udp][session_table]") {
    Fixture f{64};
    const ServiceId id = f.table.addService(service({1}));
    const SessionId session = f.table.route(id, endpoint(10), kStart).value();
    const std::uint32_t before = f.table.assignment(session);
    f.table.refuse(session, kStart);
    CHECK(f.ask(id, 10) == 1);
    CHECK(f.table.assignment(session) > before);

    // All refuse: another one than the last, all the same.
    f.table.updateService(id, service({1, 2}));
    f.table.refuse(session, kStart);
    CHECK(f.ask(id, 10) == 2);
    f.table.refuse(session, kStart);
    CHECK(f.ask(id, 10) == 1);
}

TEST_CASE("session table: a full table loses the oldest idle session", "[udp][session_table]") {
    Fixture f{4};
    const ServiceId id = f.table.addService(service({1}));
    for (std::uint32_t client = 0; client < 4; ++client)
        f.ask(id, client, kStart + std::chrono::seconds{client});
    f.ask(id, 0, kStart + 5s); // used again: now 1 is the oldest
    const SessionId oldest = f.table.sessionsOf(id).front();
    CHECK(f.table.client(oldest) == endpoint(1));
    f.ask(id, 9, kStart + 6s);
    CHECK(f.ended == std::vector{oldest});
    CHECK(f.table.size() == 4);
    CHECK(f.table.evicted(id) == 1);
}

TEST_CASE("session table: a flood at one service costs no other its sessions",
          "[udp][session_table]") {
    Fixture f{100};
    const ServiceId quiet = f.table.addService(service({1}));
    const ServiceId flooded = f.table.addService(service({1}));
    for (std::uint32_t client = 0; client < 10; ++client)
        f.ask(quiet, client);
    for (std::uint32_t client = 0; client < 10'000; ++client)
        f.ask(flooded, client, kStart + 1s);
    CHECK(f.table.sessions(quiet) == 10);
    CHECK(f.table.sessions(flooded) == 90);
    // Below its share, a service gets places from the one that has most.
    for (std::uint32_t client = 10; client < 50; ++client)
        f.ask(quiet, client, kStart + 2s);
    CHECK(f.table.sessions(quiet) == 50);
    CHECK(f.table.sessions(flooded) == 50);
    CHECK(f.table.evicted(quiet) == 0);
}

TEST_CASE("session table: more services than places", "[udp][session_table]") {
    Fixture f{2};
    std::vector<ServiceId> ids;
    for (int i = 0; i < 5; ++i)
        ids.push_back(f.table.addService(service({1})));
    for (const ServiceId id : ids)
        CHECK(f.ask(id, 1) == 1);
    CHECK(f.table.size() == 2);
}

TEST_CASE("session table: a removed service ends its sessions and frees its number",
          "[udp][session_table]") {
    Fixture f{8};
    const ServiceId a = f.table.addService(service({1}));
    const ServiceId b = f.table.addService(service({1}));
    f.ask(a, 1);
    f.ask(b, 1);
    f.table.removeService(a);
    CHECK(f.ended.size() == 1);
    CHECK(f.table.size() == 1);
    CHECK(f.table.addService(service({2})) == a);
    CHECK(f.ask(a, 1) == 2);
    CHECK(f.ask(b, 1) == 1);
}

TEST_CASE("session table: multicast has sessions without an instance", "[udp][session_table]") {
    Fixture f{8};
    const ServiceId id = f.table.addService(service({1, 2}, {}, 60s, Mode::Multicast));
    const SessionId session = f.table.route(id, endpoint(1), kStart).value();
    CHECK(f.table.target(session) == nullptr);
    f.table.refuse(session, kStart);
    f.table.updateService(id, service({1}, {1}, 60s, Mode::Multicast));
    CHECK_FALSE(f.table.route(id, endpoint(1), kStart));
    f.table.updateService(id, service({1}));
    CHECK(f.ended == std::vector{session});
    CHECK(f.ask(id, 1) == 1);
}

TEST_CASE("session table: restores sessions of an earlier process", "[udp][session_table]") {
    Fixture f{2};
    const ServiceId id = f.table.addService(service({1, 2}));
    const InetEndpoint known = endpoint(2, 9);
    const InetEndpoint unknown = endpoint(3, 9);
    CHECK(f.table.restore(id, endpoint(10), &known, kStart));
    CHECK_FALSE(f.table.restore(id, endpoint(10), &known, kStart));
    CHECK_FALSE(f.table.restore(id, endpoint(11), &unknown, kStart));
    CHECK_FALSE(f.table.restore(id, endpoint(11), nullptr, kStart));
    CHECK(f.ask(id, 10, kStart + 1s) == 2);
    CHECK(f.table.restore(id, endpoint(12), &known, kStart));
    CHECK_FALSE(f.table.restore(id, endpoint(13), &known, kStart));
}

namespace {

/** The obvious table: a map, and no bounds on time. */
struct Model {
    struct Entry {
        std::uint32_t target;
        TimePoint lastUse;
    };
    std::map<std::uint32_t, Entry> sessions;
};

} // namespace

TEST_CASE("session table: behaves like a map whatever happens", "[udp][session_table]") {
    const std::uint32_t seed = GENERATE(range(1u, 21u));
    std::mt19937 random{seed};
    const auto draw = [&random](std::uint32_t limit) {
        return static_cast<std::uint32_t>(random() % limit);
    };
    constexpr std::uint32_t kCapacity = 48;
    constexpr auto kIdle = 10s;
    Fixture f{kCapacity};
    std::vector<std::uint32_t> targets{1, 2, 3};
    std::set<std::uint32_t> draining;
    const ServiceId id = f.table.addService(service(targets, draining, kIdle));
    Model model;
    TimePoint now = kStart;

    for (int step = 0; step < 3'000; ++step) {
        now += std::chrono::milliseconds{draw(200)};
        const std::uint32_t action = draw(100);
        if (action < 90) {
            const std::uint32_t client = draw(80);
            std::erase_if(model.sessions,
                          [&](const auto& each) { return now - each.second.lastUse >= kIdle; });
            const auto known = model.sessions.find(client);
            const auto target = f.ask(id, client, now);
            const bool isKept = known != model.sessions.end() &&
                                std::ranges::count(targets, known->second.target) > 0;
            if (isKept) {
                REQUIRE(target == known->second.target);
            } else if (targets.size() == draining.size()) {
                REQUIRE_FALSE(target);
            } else {
                REQUIRE(target);
                REQUIRE(std::ranges::count(targets, *target) == 1);
                REQUIRE_FALSE(draining.contains(*target));
                if (known == model.sessions.end() && model.sessions.size() == kCapacity)
                    model.sessions.erase(std::ranges::min_element(
                        model.sessions, {}, [](const auto& each) { return each.second.lastUse; }));
            }
            if (target)
                model.sessions[client] = {*target, now};
        } else if (action < 96) {
            targets.clear();
            draining.clear();
            for (std::uint32_t target = 1; target <= 6; ++target) {
                if (draw(2) == 0)
                    continue;
                targets.push_back(target);
                if (draw(4) == 0)
                    draining.insert(target);
            }
            f.table.updateService(id, service(targets, draining, kIdle));
            for (auto& [client, entry] : model.sessions)
                if (std::ranges::count(targets, entry.target) == 0)
                    entry.target = 0; // gone is gone, also if it comes back
        } else {
            f.table.expire(now);
            std::erase_if(model.sessions,
                          [&](const auto& each) { return now - each.second.lastUse >= kIdle; });
            REQUIRE(f.table.size() == model.sessions.size());
        }
        REQUIRE(f.table.size() <= kCapacity);
        REQUIRE(f.table.sessionsOf(id).size() == f.table.size());
    }
}
