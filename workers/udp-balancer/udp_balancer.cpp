// SPDX-License-Identifier: MIT
// UdpBalancer: keeps the service sockets in line with the state.
#include "workers/udp-balancer/udp_balancer.h"

#include "common/log.h"
#include "common/sys_error.h"
#include "workers/udp-balancer/sockets.h"
#include "workers/udp-balancer/udp_report.h"

#include <algorithm>
#include <utility>

namespace mmsd::udp {

namespace {

/** How often idle sessions are looked for: they hold descriptors, nothing else. */
constexpr std::chrono::milliseconds kExpiryInterval{1'000};
constexpr std::chrono::milliseconds kFirstRetry{1'000};
constexpr std::chrono::milliseconds kLastRetry{30'000};
/** Descriptors for everything else: channel, loop, timers, log. */
constexpr std::uint64_t kReservedDescriptors = 48;

} // namespace

Capacity capacityFor(std::uint64_t descriptors) noexcept {
    const std::uint64_t usable =
        std::max(descriptors, kReservedDescriptors + 16) - kReservedDescriptors;
    Capacity capacity;
    capacity.services =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kMaxServices, usable / 4));
    capacity.sessions = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(kMaxSessions, usable - capacity.services));
    return capacity;
}

UdpBalancer::UdpBalancer(EventLoop& loop, TimerFactory& timers, const IpAddress& bindAddress,
                         worker::PortRules rules, Capacity capacity, SocketStore store)
    : timers_{timers}, bindAddress_{bindAddress}, rules_{std::move(rules)}, capacity_{capacity},
      store_{std::move(store)}, inherited_{store_.take()}, forwarder_{capacity.sessions},
      expiryTimer_{timers.create([this] {
          forwarder_.expire(timers_.now());
          expireSoon();
      })},
      retryTimer_{timers.create([this] {
          if (bindMissing())
              keepSockets();
      })},
      retryDelay_{kFirstRetry}, onDatagrams_{loop, forwarder_.descriptor(), [this](bool, bool) {
                                                 forwarder_.onReady();
                                                 expireSoon();
                                             }} {
    onDatagrams_.watch(true, false);
    keepSockets();
}

void UdpBalancer::apply(std::shared_ptr<const protocol::Snapshot> snapshot,
                        worker::ApplyDone done) {
    ServicePlan plan = planServices(*snapshot, rules_, holders(), capacity_.services);
    const bool hasChanged = follow(plan);
    const bool hasBound = bindMissing();
    adoptSessions();
    keepSockets();
    tellRefusals(std::move(plan.refusals));
    if (hasChanged)
        logInfo("UDP services changed", {{"services", served_.size()}});
    done(outcome(hasChanged || hasBound));
}

void UdpBalancer::reapply(worker::ApplyDone done) {
    const bool hasBound = bindMissing();
    keepSockets();
    done(outcome(hasBound));
}

worker::PortHolders UdpBalancer::holders() const {
    worker::PortHolders holders;
    for (const auto& [port, served] : served_)
        holders.emplace(port, served.service.name);
    return holders;
}

/** @return whether anything that is served has changed */
bool UdpBalancer::follow(const ServicePlan& plan) {
    const std::size_t removed = std::erase_if(served_, [&](const auto& each) {
        const bool isGone = !plan.services.contains(each.first);
        if (isGone)
            remove(each.second);
        return isGone;
    });
    bool hasChanged = removed > 0;
    for (const auto& [port, service] : plan.services) {
        Served& served = served_[port];
        if (served.service == service)
            continue;
        served.service = service;
        if (served.id)
            forwarder_.updateService(*served.id, service);
        hasChanged = true;
    }
    return hasChanged;
}

/** Logs those that are new. */
void UdpBalancer::tellRefusals(std::vector<protocol::Refusal> refusals) {
    Refusals told;
    for (protocol::Refusal& refusal : refusals)
        told.emplace(std::move(refusal.appId), refusal.portIndex, std::move(refusal.reason),
                     refusal.rule);
    for (const auto& each : told)
        if (const auto& [appId, portIndex, reason, rule] = each; !refusals_.contains(each))
            logWarning("UDP port not served",
                       {{"app", appId}, {"port_index", portIndex}, {"reason", reason}});
    refusals_ = std::move(told);
}

void UdpBalancer::remove(const Served& served) {
    if (!served.id)
        return;
    logDebug("UDP service ended",
             {{"app", served.service.name.appId}, {"port_index", served.service.name.portIndex}});
    retired_.add(forwarder_.counters(*served.id));
    forwarder_.removeService(*served.id);
}

bool UdpBalancer::bindMissing() {
    bool hasBound = false;
    bool isComplete = true;
    for (auto& [port, served] : served_) {
        if (served.id)
            continue;
        bind(port, served);
        hasBound |= served.id.has_value();
        isComplete &= served.id.has_value();
    }
    if (isComplete) {
        retryTimer_->stop();
        retryDelay_ = kFirstRetry;
    } else if (!retryTimer_->isActive()) {
        retryTimer_->start(retryDelay_);
        retryDelay_ = std::min(retryDelay_ * 2, kLastRetry);
    }
    return hasBound;
}

void UdpBalancer::bind(std::uint16_t port, Served& served) {
    const InetEndpoint endpoint{bindAddress_, port};
    try {
        UniqueFd socket = takeInherited(endpoint);
        if (!socket.isDefined())
            socket = openServiceSocket(endpoint);
        served.id = forwarder_.addService(served.service, std::move(socket), endpoint);
        served.bindError.clear();
        logDebug("UDP service", {{"app", served.service.name.appId},
                                 {"port_index", served.service.name.portIndex},
                                 {"address", endpoint.toString()}});
    } catch (const SysError& error) {
        if (served.bindError != error.what())
            logError("UDP service port cannot be bound, will be retried",
                     {{"app", served.service.name.appId}, {"reason", error.what()}});
        served.bindError = error.what();
    }
}

UniqueFd UdpBalancer::takeInherited(const InetEndpoint& endpoint) {
    auto node = inherited_.services.extract(endpoint.port);
    if (node.empty() || !isBoundTo(node.mapped().get(), endpoint))
        return {};
    return std::move(node.mapped());
}

/** Closes what the snapshot has no use for. */
void UdpBalancer::adoptSessions() {
    for (StoredSession& session : std::exchange(inherited_, {}).sessions)
        if (const auto found = served_.find(session.servicePort);
            found != served_.end() && found->second.id)
            forwarder_.adopt(*found->second.id, std::move(session));
    expireSoon();
}

/** Tells the store what to keep if this process ends now. */
void UdpBalancer::keepSockets() {
    std::map<std::uint16_t, int> sockets;
    for (const auto& [port, socket] : inherited_.services)
        sockets.emplace(port, socket.get());
    for (const auto& [port, served] : served_)
        if (served.id)
            sockets.emplace(port, forwarder_.socket(*served.id));
    if (store_.isDefined() && !store_.keepServices(sockets))
        logWarning("not all sockets would survive a restart", {{"sockets", sockets.size()}});
}

worker::ApplyOutcome UdpBalancer::outcome(bool hasChanged) const {
    const auto failed = std::ranges::count_if(
        served_, [](const auto& each) { return !each.second.id.has_value(); });
    return {hasChanged ? protocol::ApplyResult::Applied : protocol::ApplyResult::Unchanged,
            failed == 0 ? ""
                        : std::to_string(failed) + " service ports cannot be bound, are retried"};
}

void UdpBalancer::expireSoon() {
    if (forwarder_.sessions().size() > 0 && !expiryTimer_->isActive())
        expiryTimer_->start(kExpiryInterval);
}

protocol::StatusReport UdpBalancer::report() const {
    std::vector<ServiceReport> services;
    protocol::StatusReport report;
    for (const auto& [port, served] : served_) {
        const worker::PortName& name = served.service.name;
        if (!served.id) {
            report.refusals.push_back(
                {name.appId, name.portIndex, served.bindError, protocol::RefusalRule::PortBusy});
            continue;
        }
        const SessionTable& sessions = forwarder_.sessions();
        services.push_back({name.appId, port, forwarder_.counters(*served.id),
                            queueOverflows(forwarder_.socket(*served.id)),
                            sessions.sessions(*served.id), sessions.evicted(*served.id)});
    }
    report.metrics = renderMetrics(services, retired_, forwarder_.sessions().capacity());
    for (const auto& [appId, portIndex, reason, rule] : refusals_)
        report.refusals.push_back({appId, portIndex, reason, rule});
    report.metrics.push_back({"udp_refused_ports",
                              protocol::Metric::Kind::Gauge,
                              {},
                              static_cast<double>(report.refusals.size())});
    return report;
}

void UdpBalancer::shutDown(std::function<void()> done) {
    onDatagrams_.cancel();
    const std::vector<StoredSession> sessions = forwarder_.giveSessions();
    if (const std::size_t kept = store_.keepSessions(sessions); kept > 0)
        logInfo("sessions left to the next process", {{"sessions", kept}});
    done();
}

} // namespace mmsd::udp
