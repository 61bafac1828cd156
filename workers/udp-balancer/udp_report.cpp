// SPDX-License-Identifier: MIT
// The counters of the UDP balancer as metrics. Pure.
#include "workers/udp-balancer/udp_report.h"

#include "protocol/limits.h"

#include <numeric>
#include <utility>

namespace mmsd::udp {

namespace {

using protocol::Metric;
using Labels = std::vector<std::pair<std::string, std::string>>;

/** Octets of all services' metrics on the wire: leaves a third of the report to refusals. */
constexpr std::size_t kServiceBudget = protocol::kMaxStatusReport / 3 * 2;

/** Not less than what the metric takes on the wire. */
std::size_t wireSize(const Metric& metric) {
    return std::accumulate(metric.labels.begin(), metric.labels.end(), metric.name.size() + 16,
                           [](std::size_t sum, const auto& label) {
                               return sum + label.first.size() + label.second.size() + 4;
                           });
}

class Metrics {
public:
    Metrics(std::string prefix, Labels labels)
        : prefix_{std::move(prefix)}, labels_{std::move(labels)} {}

    void counter(const std::string& name, std::uint64_t value) {
        add(Metric::Kind::Counter, name + "_total", value, labels_);
    }
    void gauge(const std::string& name, std::uint64_t value) {
        add(Metric::Kind::Gauge, name, value, labels_);
    }
    void traffic(const Counters& counters, std::uint64_t queueOverflows, bool tellsZeros) {
        counter("datagrams_in", counters.datagramsIn);
        counter("datagrams_out", counters.datagramsOut);
        counter("bytes_in", counters.bytesIn);
        counter("bytes_out", counters.bytesOut);
        counter("instance_errors", counters.instanceErrors);
        for (std::size_t i = 0; i < kDropNames.size(); ++i)
            dropped(kDropNames[i], counters.dropped[i], tellsZeros);
        dropped("queue_overflow", queueOverflows, tellsZeros);
    }
    [[nodiscard]] std::vector<Metric> take() { return std::move(metrics_); }

private:
    void add(Metric::Kind kind, const std::string& name, std::uint64_t value, Labels labels) {
        metrics_.push_back({prefix_ + name, kind, std::move(labels), static_cast<double>(value)});
    }
    void dropped(std::string_view reason, std::uint64_t value, bool tellsZeros) {
        if (value == 0 && !tellsZeros)
            return;
        Labels labels = labels_;
        labels.emplace_back("reason", reason);
        add(Metric::Kind::Counter, "datagrams_dropped_total", value, std::move(labels));
    }

    std::string prefix_;
    Labels labels_;
    std::vector<Metric> metrics_;
};

std::vector<Metric> metricsOf(const ServiceReport& service) {
    Metrics metrics{"udp_service_",
                    {{"app", service.appId}, {"port", std::to_string(service.servicePort)}}};
    metrics.traffic(service.counters, service.queueOverflows, false);
    metrics.gauge("sessions", service.sessions);
    metrics.counter("sessions_evicted", service.evictedSessions);
    return metrics.take();
}

} // namespace

std::vector<Metric> renderMetrics(std::span<const ServiceReport> services, const Counters& retired,
                                  std::uint32_t sessionCapacity) {
    ServiceReport sum;
    sum.counters = retired;
    std::vector<Metric> details;
    std::size_t size = 0;
    std::size_t told = 0;
    for (const ServiceReport& service : services) {
        sum.counters.add(service.counters);
        sum.queueOverflows += service.queueOverflows;
        sum.sessions += service.sessions;
        sum.evictedSessions += service.evictedSessions;
        for (Metric& metric : metricsOf(service)) {
            size += wireSize(metric);
            if (size <= kServiceBudget)
                details.push_back(std::move(metric));
        }
        told += size <= kServiceBudget ? 1 : 0;
    }
    Metrics sums{"udp_", {}};
    sums.gauge("services", services.size());
    sums.gauge("services_untold", services.size() - told);
    sums.gauge("sessions", sum.sessions);
    sums.gauge("session_capacity", sessionCapacity);
    sums.counter("sessions_evicted", sum.evictedSessions);
    sums.traffic(sum.counters, sum.queueOverflows, true);
    std::vector<Metric> all = sums.take();
    all.insert(all.end(), std::make_move_iterator(details.begin()),
               std::make_move_iterator(details.end()));
    return all;
}

} // namespace mmsd::udp
