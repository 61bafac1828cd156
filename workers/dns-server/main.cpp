// SPDX-License-Identifier: MIT
// mmsd-dns-server: answers DNS queries from prepared answers.
#include "common/start_error.h"
#include "workers/dns-server/dns_server.h"
#include "workers/dns-server/dns_sockets.h"
#include "workers/dns-server/sandbox_policy.h"
#include "workers/runtime/descriptor_limit.h"
#include "workers/runtime/worker_main.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>

namespace {

using namespace mmsd;

/** Seconds; parts of a second count as a whole one. Source: RFC 2181 §8 for the upper bound. */
std::uint32_t toTtl(std::chrono::milliseconds duration) {
    constexpr std::int64_t kMaxTtl = 0x7fffffff;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(duration).count();
    return static_cast<std::uint32_t>(std::min<std::int64_t>(seconds, kMaxTtl));
}

std::vector<std::string> writableFolders(const protocol::Settings&) {
    return {};
}

std::unique_ptr<worker::Worker> create(worker::WorkerContext& context) {
    const protocol::Settings& settings = context.settings;
    const IpAddress address = settings.address("bind-ip");
    dns::DnsServer::Sockets sockets{context.takeSocket("dns-udp"), context.takeSocket("dns-tcp")};
    if (context.isForeground) {
        const InetEndpoint endpoint{address, settings.port("dns-port")};
        sockets = {dns::openUdpSocket(endpoint), dns::openTcpListener(endpoint)};
    }
    if (!sockets.udp.isDefined() || !sockets.tcp.isDefined())
        throw StartError{ExitCode::OperatingSystem,
                         "no dns-udp and dns-tcp sockets were inherited"};
    dns::prepareUdpSocket(sockets.udp);
    dns::prepareTcpListener(sockets.tcp);
    sockets.tcpClientLimit = worker::reserveDescriptors(dns::kMaxTcpClients);

    const auto base = dns::parseName(settings.text("dns-basename"));
    if (!base)
        throw StartError{ExitCode::Usage, "--dns-basename: is no DNS name"};
    dns::ZoneOptions options{.base = *base,
                             .ttl = toTtl(settings.duration("dns-ttl")),
                             .shallPushServices = settings.flag("dns-push-srv"),
                             .serverAddresses = dns::reachableAddresses(address)};
    return std::make_unique<dns::DnsServer>(context.loop, context.timers, std::move(options),
                                            std::move(sockets));
}

} // namespace

int main(int argc, char** argv) {
    // glibc joins the small chunks that a large zone leaves behind all at once, when some large
    // one is freed: 80 ms without an answer. Without its fast bins it joins each as it is freed.
    mallopt(M_MXFAST, 0);
    return worker::runWorker({.process = "dns-server",
                              .program = "mmsd-dns-server",
                              .purpose = "Answers DNS queries for apps and instances.",
                              .commandName = "mmsd-dns",
                              .settingsMask = protocol::kForDns,
                              .sandbox = dns::sandboxPolicy(),
                              .writableFolders = writableFolders,
                              .create = create},
                             argc, argv);
}
