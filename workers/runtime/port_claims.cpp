// SPDX-License-Identifier: MIT
// PortClaims: who claims which service port and who has it, kept up to date app by app. Pure.
#include "workers/runtime/port_claims.h"

#include "workers/runtime/app_precedence.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace mmsd::worker {

namespace {

bool isNamed(const ExposedPort& claim, const PortName& name) {
    return claim.portIndex == name.portIndex && claim.app->id == name.appId;
}

bool isCarried(const protocol::Port& port, Transport transport) noexcept {
    return transport == Transport::Udp ? port.isUdp : port.isTcp;
}

/** True if @p a has a better right to a service port than @p b. */
bool hasBetterClaim(const ExposedPort& a, const ExposedPort& b,
                    const std::optional<PortName>& holder) {
    const bool isHeldByA = holder && isNamed(a, *holder);
    const bool isHeldByB = holder && isNamed(b, *holder);
    if (isHeldByA != isHeldByB)
        return isHeldByA;
    return a.app != b.app ? precedes(*a.app, *b.app) : a.portIndex < b.portIndex;
}

} // namespace

void PortClaims::change(const protocol::App* before, const protocol::App* after) {
    if (before != nullptr) {
        for (const protocol::Port& port : before->ports) {
            const auto contest = contests_.find(port.servicePort);
            if (contest == contests_.end())
                continue;
            const auto count = std::erase_if(contest->second.claims, [before](const auto& claim) {
                return claim.app == before;
            });
            if (count != 0)
                touched_.insert(port.servicePort);
        }
        if (after == nullptr)
            objections_.set(before->id, {});
    }
    if (after != nullptr)
        claim(*after);
}

void PortClaims::claim(const protocol::App& app) {
    std::vector<protocol::Refusal> refusals;
    for (std::size_t i = 0; i < app.ports.size(); ++i) {
        const protocol::Port& port = app.ports[i];
        const auto index = static_cast<std::uint16_t>(i);
        if (!isCarried(port, rules_.transport) || !isInGroups(app, port, rules_.groups))
            continue;
        if (auto objection = objectionTo(app, port, rules_)) {
            if (objection->isMistake)
                refusals.push_back({app.id, index, std::move(objection->reason), *objection->rule});
            continue;
        }
        contests_[port.servicePort].claims.push_back({&app, index});
        touched_.insert(port.servicePort);
    }
    objections_.set(app.id, std::move(refusals));
}

void PortClaims::hold(std::uint16_t port, PortName holder) {
    Contest& contest = contests_[port];
    contest.holder = std::move(holder);
    if (contest.claims.size() > 1) // else it makes no difference
        touched_.insert(port);
}

void PortClaims::release(std::uint16_t port, const PortName& holder) {
    const auto contest = contests_.find(port);
    if (contest == contests_.end() || contest->second.holder != holder)
        return;
    contest->second.holder.reset();
    touched_.insert(port);
}

bool PortClaims::isHeld(std::uint16_t port) const {
    const auto contest = contests_.find(port);
    return contest != contests_.end() && contest->second.holder;
}

std::vector<std::uint16_t> PortClaims::settle() {
    const std::set<std::uint16_t> touched = std::exchange(touched_, {});
    for (const std::uint16_t port : touched) {
        const auto contest = contests_.find(port);
        if (contest == contests_.end())
            continue;
        settle(port, contest->second);
        if (contest->second.claims.empty() && !contest->second.holder)
            contests_.erase(contest);
    }
    return {touched.begin(), touched.end()};
}

void PortClaims::settle(std::uint16_t port, Contest& contest) {
    std::vector<ExposedPort>& claims = contest.claims;
    std::vector<protocol::Refusal> refusals;
    contest.winner.reset();
    if (!claims.empty()) {
        // The order in which they came must not show anywhere.
        std::ranges::sort(claims, [](const ExposedPort& a, const ExposedPort& b) {
            return std::tie(a.app->id, a.portIndex) < std::tie(b.app->id, b.portIndex);
        });
        const ExposedPort& best = *std::ranges::min_element(
            claims, [&contest](const ExposedPort& a, const ExposedPort& b) {
                return hasBetterClaim(a, b, contest.holder);
            });
        for (const ExposedPort& loser : claims)
            if (&loser != &best)
                refusals.push_back({loser.app->id, loser.portIndex,
                                    "service port " + std::to_string(port) + " taken by " +
                                        best.app->id + " port index " +
                                        std::to_string(best.portIndex),
                                    protocol::RefusalRule::Conflict});
        contest.winner = best;
    }
    conflicts_.set(port, std::move(refusals));
}

const ExposedPort* PortClaims::winner(std::uint16_t port) const {
    const auto contest = contests_.find(port);
    return contest != contests_.end() && contest->second.winner ? &*contest->second.winner
                                                                : nullptr;
}

void PortClaims::appendRefusals(std::vector<protocol::Refusal>& all) const {
    objections_.appendTo(all);
    conflicts_.appendTo(all);
}

} // namespace mmsd::worker
