// SPDX-License-Identifier: MIT
// mmsd-udp-balancer: balances UDP over the instances of each app port.
#include "workers/runtime/port_rules.h"
#include "workers/runtime/worker_main.h"
#include "workers/udp-balancer/sandbox_policy.h"
#include "workers/udp-balancer/udp_balancer.h"

#include "common/sys_error.h"

#include <sys/resource.h>

#include <algorithm>

namespace {

using namespace mmsd;

std::vector<std::string> writableFolders(const protocol::Settings&) {
    return {};
}

/** Raises the limit on open descriptors as far as this process may. @return the limit */
std::uint64_t raiseDescriptorLimit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        throwErrno("ask for RLIMIT_NOFILE");
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
        throwErrno("raise RLIMIT_NOFILE");
    return limit.rlim_cur;
}

std::unique_ptr<worker::Worker> create(worker::WorkerContext& context) {
    return std::make_unique<udp::UdpBalancer>(
        context.loop, context.timers, context.settings.address("bind-ip"),
        worker::makePortRules(worker::Transport::Udp, context.settings),
        udp::capacityFor(raiseDescriptorLimit()),
        udp::SocketStore{context.takeSocket("udp-in-store"), context.takeSocket("udp-out-store")});
}

} // namespace

int main(int argc, char** argv) {
    return worker::runWorker({.process = "udp-balancer",
                              .program = "mmsd-udp-balancer",
                              .purpose = "Balances UDP over the instances of each app port.",
                              .commandName = "mmsd-udp",
                              .settingsMask = protocol::kForUdp,
                              .sandbox = udp::sandboxPolicy(),
                              .writableFolders = writableFolders,
                              .create = create},
                             argc, argv);
}
