// SPDX-License-Identifier: MIT
// The rows of the table of processes.
#include "daemon/worker_spec.h"

#include <linux/capability.h>

#include <array>

namespace mmsd::supervisor {

namespace {

constexpr std::array kApiSockets{SocketSpec{"api-tcp", "bind-ip", "api-port"}};
constexpr std::array kDnsSockets{SocketSpec{"dns-udp", "bind-ip", "dns-port"},
                                 SocketSpec{"dns-tcp", "bind-ip", "dns-port"}};

constexpr std::array kTable{
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
        .name = "dns-server",
        .executable = "mmsd-dns-server",
        .userSuffix = "dns",
        .settings = protocol::kForDns,
        .enabledBy = "enable-dns",
        .sockets = kDnsSockets,
    },
    WorkerSpec{
        .name = "udp-balancer",
        .executable = "mmsd-udp-balancer",
        .userSuffix = "udp",
        .settings = protocol::kForUdp,
        .enabledBy = "enable-udp",
        .keptCapability = CAP_NET_BIND_SERVICE,
        .keepsSockets = true,
    },
};

} // namespace

std::span<const WorkerSpec> workerTable() noexcept {
    return kTable;
}

} // namespace mmsd::supervisor
