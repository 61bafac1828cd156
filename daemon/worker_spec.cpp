// SPDX-License-Identifier: MIT
// The rows of the table of processes.
#include "daemon/worker_spec.h"

#include <linux/capability.h>

#include <algorithm>
#include <array>

namespace mmsd::supervisor {

namespace {

constexpr std::array kApiSockets{SocketSpec{"api-tcp", "bind-ip", "api-port"}};
constexpr std::array kDnsSockets{SocketSpec{"dns-udp", "bind-ip", "dns-port"},
                                 SocketSpec{"dns-tcp", "bind-ip", "dns-port"}};
constexpr std::array kUdpSockets{SocketSpec{"udp-in-store"}, SocketSpec{"udp-out-store"}};

/** One row for each process that --dns-processes can ask for. */
constexpr std::array kDnsNames{"dns-server",    "dns-server-2",  "dns-server-3",  "dns-server-4",
                               "dns-server-5",  "dns-server-6",  "dns-server-7",  "dns-server-8",
                               "dns-server-9",  "dns-server-10", "dns-server-11", "dns-server-12",
                               "dns-server-13", "dns-server-14", "dns-server-15", "dns-server-16"};
static_assert(kDnsNames.size() == protocol::kMaxProcessCount);

constexpr std::array kSingleProcesses{
    WorkerSpec{
        .name = "marathon-watcher",
        .executable = "mmsd-marathon-watcher",
        .userSuffix = "watcher",
        .settings = protocol::kForWatcher,
        .stateDirectory = "watcher",
        .stateDirectoryMode = 0700,
        .isSource = true,
    },
    WorkerSpec{
        .name = "confd-writer",
        .executable = "mmsd-confd-writer",
        .userSuffix = "confd",
        .settings = protocol::kForConfd,
        .enabledBy = "enable-files",
        .stateDirectory = "confd",
        .stateDirectoryMode = 0755,
    },
    WorkerSpec{
        .name = "api-server",
        .executable = "mmsd-api-server",
        .userSuffix = "api",
        .settings = protocol::kForApi,
        .sockets = kApiSockets,
        .receivesProcessStatus = true,
    },
    WorkerSpec{
        .name = "haproxy-manager",
        .executable = "mmsd-haproxy-manager",
        .userSuffix = "haproxy",
        .settings = protocol::kForHaproxy,
        .enabledBy = "enable-tcp",
        .keptCapability = CAP_NET_BIND_SERVICE,
        .stateDirectory = "haproxy",
        .stateDirectoryMode = 0700,
        .leavesProcesses = true,
    },
    WorkerSpec{
        .name = "udp-balancer",
        .executable = "mmsd-udp-balancer",
        .userSuffix = "udp",
        .settings = protocol::kForUdp,
        .enabledBy = "enable-udp",
        .sockets = kUdpSockets,
        .keptCapability = CAP_NET_BIND_SERVICE,
    },
};

constexpr auto kTable = [] {
    std::array<WorkerSpec, kSingleProcesses.size() + kDnsNames.size()> table{};
    std::copy(kSingleProcesses.begin(), kSingleProcesses.end(), table.begin());
    for (unsigned i = 0; i < kDnsNames.size(); ++i)
        table[kSingleProcesses.size() + i] = {
            .name = kDnsNames[i],
            .executable = "mmsd-dns-server",
            .userSuffix = "dns",
            .settings = protocol::kForDns,
            .enabledBy = "enable-dns",
            .countedBy = "dns-processes",
            .number = i + 1,
            .sockets = kDnsSockets,
        };
    return table;
}();

} // namespace

std::span<const WorkerSpec> workerTable() noexcept {
    return kTable;
}

} // namespace mmsd::supervisor
