// SPDX-License-Identifier: MIT
// Tests of the DNS server's cage: what it needs works, what it does not need ends it.
#include "common/event_loop.h"
#include "common/timer.h"
#include "tests/support/catch.h"
#include "tests/unit/common/child_process.h"
#include "tests/unit/common/rare_calls.h"
#include "tests/unit/dns/asking.h"
#include "tests/unit/dns/state_builder.h"
#include "workers/dns-server/dns_server.h"
#include "workers/dns-server/dns_sockets.h"
#include "workers/dns-server/sandbox_policy.h"

#include <fcntl.h>
#include <sys/socket.h>

using namespace mmsd;
using namespace mmsd::dns;

namespace {

using mmsd::test::ChildResult;

ChildResult runCaged(const std::function<void()>& body) {
    return mmsd::test::runInChild([&] {
        worker::enterSandbox(sandboxPolicy(), {}, {});
        body();
    });
}

sockaddr_storage boundTo(const UniqueFd& socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return address;
}

} // namespace

TEST_CASE("dns sandbox: building a zone and answering over both transports works",
          "[dns][sandbox]") {
    DnsServer::Sockets sockets{openUdpSocket({dns::test::ip("0.0.0.0"), 0}),
                               openTcpListener({dns::test::ip("127.0.0.1"), 0})};
    prepareUdpSocket(sockets.udp);
    prepareTcpListener(sockets.tcp);
    const sockaddr_storage udpAddress = boundTo(sockets.udp);
    const sockaddr_storage tcpAddress = boundTo(sockets.tcp);
    const UniqueFd udp{::socket(AF_INET, SOCK_DGRAM, 0)};
    const UniqueFd tcp{::socket(AF_INET, SOCK_STREAM, 0)};
    for (const auto& [socket, address] : {std::pair{&udp, &udpAddress}, {&tcp, &tcpAddress}})
        REQUIRE(::connect(socket->get(), reinterpret_cast<const sockaddr*>(address),
                          sizeof(sockaddr_in)) == 0);
    const auto query = dns::test::makeQuery("web.mmsd.", kTypeA);
    const std::array<std::uint8_t, 2> size{0, static_cast<std::uint8_t>(query.size())};
    REQUIRE(::send(tcp.get(), size.data(), size.size(), 0) == 2);
    for (const UniqueFd* client : {&udp, &udp, &udp, &tcp})
        REQUIRE(::send(client->get(), query.data(), query.size(), 0) > 0);

    EventLoop loop;
    EventTimerFactory timers{loop};
    DnsServer server{loop, timers, dns::test::options(), std::move(sockets)};
    const ChildResult child = runCaged([&] {
        bool isApplied = false;
        server.apply(dns::test::snapshot({dns::test::shared(
                         dns::test::app("/web", {}, {dns::test::instance("t1", "10.0.0.1")}))}),
                     [&](worker::ApplyOutcome) { isApplied = true; });
        while (!isApplied)
            loop.poll();
        server.shutDown([] {});
        if (server.report().refusals.size() != 0)
            mmsd::test::exitNow(1);
    });
    INFO(child.errorText);
    CHECK(child.hasExited(0));
    std::array<std::uint8_t, 512> reply{};
    for (int i = 0; i < 3; ++i)
        CHECK(::recv(udp.get(), reply.data(), reply.size(), MSG_DONTWAIT) > 0);
}

TEST_CASE("dns sandbox: no sockets, no files, no processes", "[dns][sandbox]") {
    CHECK(isForbidden(runCaged([] { ::socket(AF_INET, SOCK_DGRAM, 0); })));
    CHECK(isForbidden(runCaged([] { ::socket(AF_INET, SOCK_STREAM, 0); })));
    CHECK(isForbidden(runCaged([] { ::openat(AT_FDCWD, "/dev/null", O_RDONLY); })));
    CHECK(isForbidden(runCaged([] { static_cast<void>(::bind(0, nullptr, 0)); })));
    CHECK(isForbidden(runCaged([] { static_cast<void>(::fork()); })));
}

TEST_CASE("dns sandbox: rare needs of a process and its C library are met", "[dns][sandbox]") {
    mmsd::test::checkRareCalls(runCaged);
}
