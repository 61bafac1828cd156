// SPDX-License-Identifier: MIT
// What the server counts, as plain numbers for the hot path.
#include "workers/dns-server/dns_counters.h"

#include <string>

namespace mmsd::dns {

namespace {

using protocol::Metric;

constexpr std::array<const char*, kTransports> kTransportNames{"udp", "tcp"};
constexpr std::array<const char*, kTypeSlots> kTypeNames{"A",  "AAAA", "SRV", "TXT",  "SOA",
                                                         "NS", "PTR",  "ANY", "other"};
constexpr std::array<const char*, kRcodeSlots> kRcodeNames{"NOERROR",  "NODATA",   "FORMERR",
                                                           "SERVFAIL", "NXDOMAIN", "NOTIMP",
                                                           "REFUSED",  "NOTAUTH",  "BADVERS"};

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

void add(std::vector<Metric>& metrics, const char* name, MetricLabels labels, std::uint64_t value) {
    metrics.push_back({name, Metric::Kind::Counter, std::move(labels), static_cast<double>(value)});
}

} // namespace

void appendMetrics(const DnsCounters& counters, std::vector<Metric>& metrics) {
    for (std::size_t t = 0; t < kTransports; ++t) {
        const DnsCounters::PerTransport& transport = counters.transports[t];
        const std::pair<std::string, std::string> label{"transport", kTransportNames[t]};
        for (std::size_t i = 0; i < kTypeSlots; ++i)
            add(metrics, "dns_queries_total", {label, {"type", kTypeNames[i]}},
                transport.queries[i]);
        for (std::size_t i = 0; i < kRcodeSlots; ++i)
            add(metrics, "dns_responses_total", {label, {"rcode", kRcodeNames[i]}},
                transport.responses[i]);
        add(metrics, "dns_truncated_total", {label}, transport.truncated);
        add(metrics, "dns_malformed_total", {label}, transport.malformed);
        add(metrics, "dns_dropped_total", {label}, transport.dropped);
    }
    add(metrics, "dns_tcp_accepted_total", {}, counters.tcpAccepted);
    add(metrics, "dns_tcp_evicted_total", {}, counters.tcpEvicted);
    add(metrics, "dns_tcp_timed_out_total", {}, counters.tcpTimedOut);
}

} // namespace mmsd::dns
