// SPDX-License-Identifier: MIT
// DnsServer: the worker that answers DNS queries.
#include "workers/dns-server/dns_server.h"

#include "common/log.h"

#include <algorithm>
#include <random>
#include <utility>

namespace mmsd::dns {

namespace {

/** How long an update may keep queries waiting. */
constexpr std::chrono::microseconds kSlice{500};
/** How long queries wait for the first snapshot: a restarted process has it at once. */
constexpr std::chrono::milliseconds kPatience{2'000};
/** How long the end waits for clients that have connected and not asked yet; nobody else waits
 *  meanwhile but who connects. */
constexpr std::chrono::milliseconds kLastQueries{200};
constexpr std::chrono::milliseconds kLastQueriesCheck{5};

std::uint64_t randomSeed() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

/** Seconds since 1970: when the state was observed, so that several servers of one state agree and
 *  a restarted one does not go back. */
std::uint32_t timestampOf(const protocol::Snapshot& snapshot) {
    constexpr std::uint64_t kMicroseconds = 1'000'000;
    if (snapshot.begin.observedAtUs != 0)
        return static_cast<std::uint32_t>(snapshot.begin.observedAtUs / kMicroseconds);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

} // namespace

DnsServer::DnsServer(EventLoop& loop, TimerFactory& timers, ZoneOptions options, Sockets sockets)
    : zone_{std::move(options)}, responder_{zone_, counters_, randomSeed()},
      udp_{loop, std::move(sockets.udp), responder_, counters_},
      tcp_{loop, timers, std::move(sockets.tcp), sockets.tcpClientLimit, responder_, counters_},
      patienceTimer_{timers.create([this] {
          logWarning("no state yet, answering SERVFAIL");
          startServices();
      })},
      sliceTimer_{timers.create([this] { runSlice(); })},
      lastQueriesTimer_{timers.create([this] { finishWhenAsked(); })}, timers_{timers} {
    patienceTimer_->start(kPatience);
}

DnsServer::~DnsServer() = default;

void DnsServer::apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) {
    snapshot_ = std::move(snapshot);
    startUpdate(false, std::move(done));
}

void DnsServer::reapply(worker::ApplyDone done) {
    startUpdate(true, std::move(done));
}

void DnsServer::startUpdate(bool shallRebuild, worker::ApplyDone done) {
    done_ = std::move(done);
    update_.emplace(zone_, snapshot_, timestampOf(*snapshot_), shallRebuild);
    runSlice();
}

void DnsServer::runSlice() {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    bool isDone = false;
    std::chrono::nanoseconds elapsed{0};
    while (!isDone && elapsed < kSlice) {
        isDone = update_->step();
        elapsed = Clock::now() - start;
    }
    longestSlice_ = std::max(longestSlice_, elapsed);
    if (!isDone) {
        sliceTimer_->start(std::chrono::milliseconds{0});
        return;
    }
    const auto result =
        update_->hasChanged() ? protocol::ApplyResult::Applied : protocol::ApplyResult::Unchanged;
    update_.reset();
    startServices();
    std::exchange(done_, nullptr)({result, ""});
}

void DnsServer::startServices() {
    patienceTimer_->stop();
    if (std::exchange(isServing_, true))
        return;
    udp_.start();
    tcp_.start();
}

protocol::StatusReport DnsServer::report() const {
    using enum protocol::Metric::Kind;
    const auto number = [](auto value) { return static_cast<double>(value); };
    const ZoneCounts counts = zone_.counts();
    protocol::StatusReport report;
    report.metrics = {
        {"dns_apps", Gauge, {}, number(counts.apps)},
        {"dns_names", Gauge, {}, number(counts.names)},
        {"dns_reverse_names", Gauge, {}, number(counts.reverseNames)},
        {"dns_all_unhealthy_apps", Gauge, {}, number(counts.allUnhealthyApps)},
        {"dns_contested_names", Gauge, {}, number(counts.contestedNames)},
        {"dns_serial", Gauge, {}, number(counts.serial)},
        {"dns_tcp_connections", Gauge, {}, number(tcp_.clientCount())},
        {"dns_longest_update_slice_seconds",
         Gauge,
         {},
         std::chrono::duration<double>{longestSlice_}.count()},
    };
    appendMetrics(counters_, report.metrics);
    report.refusals = zone_.refusals();
    return report;
}

void DnsServer::shutDown(std::function<void()> done) {
    sliceTimer_->stop();
    patienceTimer_->stop();
    if (!isServing_)
        return done();
    stopped_ = std::move(done);
    tcp_.stopAccepting();
    lastQueriesUntil_ = timers_.now() + kLastQueries;
    finishWhenAsked();
}

void DnsServer::finishWhenAsked() {
    if (tcp_.isAwaited() && timers_.now() < lastQueriesUntil_) {
        lastQueriesTimer_->start(kLastQueriesCheck);
        return;
    }
    udp_.finish();
    tcp_.finish();
    stopped_();
}

} // namespace mmsd::dns
