// SPDX-License-Identifier: MIT
// SessionTable: which instance each client is served by. Pure: time is passed in.
#include "workers/udp-balancer/session_table.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace mmsd::udp {

namespace {

__extension__ using Uint128 = unsigned __int128;

/** Both halves of the product, folded. */
std::uint64_t multiplyAndFold(std::uint64_t a, std::uint64_t b) noexcept {
    const Uint128 product = Uint128{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

} // namespace

SessionTable::SessionTable(std::uint32_t capacity, std::array<std::uint64_t, 2> secret, OnEnd onEnd)
    : secret_{secret}, onEnd_{std::move(onEnd)}, pool_(capacity),
      buckets_(std::bit_ceil(capacity), kNone) {
    assert(capacity > 0 && capacity < kNone);
    for (std::uint32_t i = 0; i + 1 < capacity; ++i)
        pool_[i].next = i + 1;
}

ServiceId SessionTable::addService(const Service& service) {
    const auto place = std::ranges::find(services_, false, &ServiceState::isUsed);
    const auto id = static_cast<ServiceId>(place - services_.begin());
    if (place == services_.end())
        services_.emplace_back();
    services_[id] = {};
    services_[id].isUsed = true;
    ++usedServices_;
    updateService(id, service);
    return id;
}

void SessionTable::updateService(ServiceId id, const Service& service) {
    ServiceState& state = services_[id];
    if (state.mode != service.mode)
        while (state.oldest != kNone)
            end(state.oldest);
    state.mode = service.mode;
    state.idle = service.idle;
    setTargets(state, service.targets);
}

void SessionTable::setTargets(ServiceState& state, const std::vector<Target>& targets) {
    std::vector<TargetState> fresh;
    fresh.reserve(targets.size());
    for (const Target& target : targets) {
        const std::uint32_t old = indexOf(state, target.endpoint);
        fresh.push_back({target, old != kNone ? state.targets[old].refusedUntil : TimePoint{}});
    }
    std::swap(state.targets, fresh);
    for (SessionId i = state.oldest; i != kNone; i = pool_[i].newer)
        for (std::uint32_t* const index : {&pool_[i].target, &pool_[i].refusedBy})
            if (*index != kNone)
                *index = indexOf(state, fresh[*index].target.endpoint);
    state.hasTaker = std::ranges::any_of(
        state.targets, [](const TargetState& target) { return target.target.takesNew; });
}

void SessionTable::removeService(ServiceId id) {
    while (services_[id].oldest != kNone)
        end(services_[id].oldest);
    services_[id] = {};
    --usedServices_;
}

std::optional<SessionId> SessionTable::route(ServiceId service, const InetEndpoint& client,
                                             TimePoint now) {
    ServiceState& state = services_[service];
    SessionId id = find(service, client);
    if (id != kNone && now - pool_[id].lastUse >= state.idle) {
        end(id);
        id = kNone;
    }
    const bool hasInstance = id != kNone && pool_[id].target != kNone;
    if (!hasInstance && !state.hasTaker)
        return std::nullopt;
    if (id == kNone)
        id = create(service, client, now);
    Session& session = pool_[id];
    if (session.target == kNone && state.mode == Mode::RoundRobin)
        assign(session, now);
    touch(id, now);
    return id;
}

void SessionTable::touch(SessionId id, TimePoint now) noexcept {
    Session& session = pool_[id];
    session.lastUse = now;
    if (session.newer == kNone)
        return;
    unlink(id);
    linkNewest(id);
}

void SessionTable::refuse(SessionId id, TimePoint now) noexcept {
    Session& session = pool_[id];
    if (session.target == kNone)
        return;
    services_[session.service].targets[session.target].refusedUntil = now + kRefusalHold;
    session.refusedBy = std::exchange(session.target, kNone);
}

void SessionTable::expire(TimePoint now) {
    for (ServiceState& state : services_)
        while (state.oldest != kNone && now - pool_[state.oldest].lastUse >= state.idle)
            end(state.oldest);
}

std::optional<SessionId> SessionTable::restore(ServiceId service, const InetEndpoint& client,
                                               const InetEndpoint* target, TimePoint lastUse) {
    const ServiceState& state = services_[service];
    const bool isMulticast = state.mode == Mode::Multicast;
    const std::uint32_t index = target != nullptr ? indexOf(state, *target) : kNone;
    if (isMulticast != (target == nullptr) || (!isMulticast && index == kNone) ||
        firstFree_ == kNone || find(service, client) != kNone)
        return std::nullopt;
    const SessionId id = create(service, client, lastUse);
    pool_[id].target = index;
    return id;
}

const InetEndpoint& SessionTable::client(SessionId id) const noexcept {
    return pool_[id].client;
}

ServiceId SessionTable::service(SessionId id) const noexcept {
    return pool_[id].service;
}

const InetEndpoint* SessionTable::target(SessionId id) const noexcept {
    const Session& session = pool_[id];
    return session.target == kNone
               ? nullptr
               : &services_[session.service].targets[session.target].target.endpoint;
}

std::uint32_t SessionTable::assignment(SessionId id) const noexcept {
    return pool_[id].assignment;
}

TimePoint SessionTable::lastUse(SessionId id) const noexcept {
    return pool_[id].lastUse;
}

std::uint32_t SessionTable::capacity() const noexcept {
    return static_cast<std::uint32_t>(pool_.size());
}

std::uint32_t SessionTable::sessions(ServiceId service) const noexcept {
    return services_[service].count;
}

std::uint64_t SessionTable::evicted(ServiceId service) const noexcept {
    return services_[service].evicted;
}

std::vector<SessionId> SessionTable::sessionsOf(ServiceId service) const {
    std::vector<SessionId> ids;
    for (SessionId i = services_[service].oldest; i != kNone; i = pool_[i].newer)
        ids.push_back(i);
    return ids;
}

std::uint32_t& SessionTable::bucket(ServiceId service, const InetEndpoint& client) noexcept {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, client.address.data(), sizeof high);
    std::memcpy(&low, client.address.data() + sizeof high, sizeof low);
    const std::uint64_t rest = std::uint64_t{service} << 16 | client.port;
    const std::uint64_t hash = multiplyAndFold(
        multiplyAndFold(high ^ secret_[0], low ^ secret_[1]) ^ rest, secret_[0] ^ ~secret_[1]);
    return buckets_[hash & (buckets_.size() - 1)];
}

SessionId SessionTable::find(ServiceId service, const InetEndpoint& client) noexcept {
    SessionId id = bucket(service, client);
    while (id != kNone && (pool_[id].service != service || pool_[id].client != client))
        id = pool_[id].next;
    return id;
}

SessionId SessionTable::create(ServiceId service, const InetEndpoint& client, TimePoint now) {
    if (firstFree_ == kNone)
        evictFor(service);
    const SessionId id = firstFree_;
    Session& session = pool_[id];
    firstFree_ = session.next;
    std::uint32_t& head = bucket(service, client);
    session = {.client = client, .service = service, .next = std::exchange(head, id)};
    session.lastUse = now;
    linkNewest(id);
    ++services_[service].count;
    ++size_;
    return id;
}

void SessionTable::end(SessionId id) {
    onEnd_(id);
    Session& session = pool_[id];
    std::uint32_t* link = &bucket(session.service, session.client);
    while (*link != id)
        link = &pool_[*link].next;
    *link = session.next;
    unlink(id);
    --services_[session.service].count;
    --size_;
    session = {};
    session.next = std::exchange(firstFree_, id);
}

void SessionTable::evictFor(ServiceId service) {
    ServiceState* loser = &services_[service];
    if (loser->count < std::max(capacity() / usedServices_, 1u))
        loser = &*std::ranges::max_element(services_, {}, &ServiceState::count);
    ++loser->evicted;
    end(loser->oldest);
}

void SessionTable::assign(Session& session, TimePoint now) noexcept {
    session.target =
        choose(services_[session.service], std::exchange(session.refusedBy, kNone), now);
    ++session.assignment;
}

/** Round robin; an instance that refuses lately is taken only where there is no other, and
 *  @p avoided only where it is alone. */
std::uint32_t SessionTable::choose(ServiceState& state, std::uint32_t avoided,
                                   TimePoint now) const noexcept {
    const auto count = static_cast<std::uint32_t>(state.targets.size());
    std::uint32_t best = kNone;
    int bestRank = -1;
    for (std::uint32_t step = 0; step < count && bestRank < 2; ++step) {
        const std::uint32_t index = (state.cursor + step) % count;
        const TargetState& candidate = state.targets[index];
        if (!candidate.target.takesNew)
            continue;
        const int rank = index == avoided ? 0 : candidate.refusedUntil > now ? 1 : 2;
        if (rank > bestRank) {
            best = index;
            bestRank = rank;
        }
    }
    state.cursor = (best + 1) % count;
    return best;
}

std::uint32_t SessionTable::indexOf(const ServiceState& state,
                                    const InetEndpoint& endpoint) noexcept {
    const auto place = std::ranges::lower_bound(
        state.targets, endpoint, {}, [](const TargetState& each) { return each.target.endpoint; });
    return place != state.targets.end() && place->target.endpoint == endpoint
               ? static_cast<std::uint32_t>(place - state.targets.begin())
               : kNone;
}

void SessionTable::linkNewest(SessionId id) noexcept {
    ServiceState& state = services_[pool_[id].service];
    pool_[id].older = state.newest;
    pool_[id].newer = kNone;
    (state.newest != kNone ? pool_[state.newest].newer : state.oldest) = id;
    state.newest = id;
}

void SessionTable::unlink(SessionId id) noexcept {
    const Session& session = pool_[id];
    ServiceState& state = services_[session.service];
    (session.older != kNone ? pool_[session.older].newer : state.oldest) = session.newer;
    (session.newer != kNone ? pool_[session.newer].older : state.newest) = session.older;
}

} // namespace mmsd::udp
