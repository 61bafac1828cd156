// SPDX-License-Identifier: MIT
// Tests of the UDP balancer's cage: what it needs works, what it does not need ends it.
#include "tests/support/catch.h"
#include "tests/unit/common/child_process.h"
#include "tests/unit/common/rare_calls.h"
#include "workers/udp-balancer/datagram_batch.h"
#include "workers/udp-balancer/sandbox_policy.h"
#include "workers/udp-balancer/socket_store.h"
#include "workers/udp-balancer/sockets.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>

using namespace mmsd;
using namespace mmsd::udp;

namespace {

test::ChildResult runCaged(const std::function<void()>& body) {
    return test::runInChild([&] {
        worker::enterSandbox(sandboxPolicy(), {}, {});
        body();
    });
}

} // namespace

TEST_CASE("udp sandbox: sockets, batches and the store work", "[udp][sandbox]") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data()) == 0);
    SocketStore store{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
    const auto inbound = std::make_unique<InboundBatch>();
    const auto child = runCaged([&] {
        for (const char* const address : {"127.0.0.1", "::1"}) {
            UniqueFd service = openServiceSocket({IpAddress::parse(address).value(), 0});
            SocketAddress name{};
            socklen_t length = sizeof name;
            if (::getsockname(service.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0 ||
                !isBoundTo(service.get(), name.get()))
                test::exitNow(1);
            const UniqueFd session = openInstanceSocket(name.get());
            if (::send(session.get(), "x", 1, 0) != 1 || takeError(session.get()) != 0)
                test::exitNow(2);
            pollfd waiting{service.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 5'000) != 1 || inbound->receive(service.get()) != 1)
                test::exitNow(3);
            if (queueOverflows(service.get()) != 0 || !openFanOutSocket(true).isDefined() ||
                !store.keepServices({{1, service.get()}}))
                test::exitNow(4);
            std::vector<StoredSession> sessions(1);
            sessions[0].socket = std::move(service);
            if (store.keepSessions(sessions) != 1)
                test::exitNow(5);
        }
    });
    INFO(child.errorText);
    CHECK(child.hasExited(0));
}

TEST_CASE("udp sandbox: no other sockets, no files, no processes", "[udp][sandbox]") {
    CHECK(isForbidden(runCaged([] { ::socket(AF_INET, SOCK_STREAM, 0); })));
    constexpr int kDatagram = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    CHECK(isForbidden(runCaged([] { ::socket(AF_UNIX, kDatagram, 0); })));
    CHECK(isForbidden(runCaged([] { ::socket(AF_NETLINK, kDatagram, 0); })));
    CHECK(isForbidden(runCaged([] { ::openat(AT_FDCWD, "/dev/null", O_RDONLY); })));
    CHECK(isForbidden(runCaged([] { ::listen(0, 1); })));
    CHECK(isForbidden(runCaged([] { static_cast<void>(::fork()); })));
}

TEST_CASE("udp sandbox: rare needs of a process and its C library are met", "[udp][sandbox]") {
    test::checkRareCalls(runCaged);
}
