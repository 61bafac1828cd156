// SPDX-License-Identifier: MIT
// udp_load: the load of the UDP benchmark, and the instance behind the balancer.
#include "common/sys_error.h"
#include "common/text.h"
#include "common/unique_fd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

using namespace mmsd;
using Clock = std::chrono::steady_clock;

constexpr const char* kUsage =
    "usage: udp_load echo PORT | sink PORT\n"
    "       udp_load ping PORT CLIENTS SECONDS OCTETS\n"
    "       udp_load flood PORT CLIENTS SECONDS OCTETS\n"
    "All on 127.0.0.1. echo and sink end at SIGTERM; sink then prints what "
    "it got.\nping: each client has one datagram under way; prints answers "
    "per second and how many came late or never.\nflood: one way, as fast as it goes; "
    "prints datagrams sent per second.\n";

constexpr std::size_t kBatch = 64;
constexpr std::size_t kMaxDatagram = 65'536;
/** A datagram without an answer for so long is counted as lost and sent again. */
constexpr std::chrono::milliseconds kPatience{200};

volatile std::sig_atomic_t isStopping = 0;

sockaddr_in local(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

UniqueFd openSocket() {
    UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const int size = 4 << 20;
    if (!fd.isDefined() || ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0)
        throwErrno("socket");
    return fd;
}

/** The instance: answers, or only counts. */
void serve(std::uint16_t port, bool answers) {
    const UniqueFd fd = openSocket();
    const sockaddr_in address = local(port);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throwErrno("bind");
    std::vector<std::array<char, 2048>> buffers(kBatch);
    std::array<iovec, kBatch> vectors{};
    std::array<sockaddr_in, kBatch> names{};
    std::array<mmsghdr, kBatch> messages{};
    std::uint64_t count = 0;
    while (isStopping == 0) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            vectors[i] = {buffers[i].data(), buffers[i].size()};
            messages[i].msg_hdr = {&names[i], sizeof names[i], &vectors[i], 1, nullptr, 0, 0};
        }
        const int received = ::recvmmsg(fd.get(), messages.data(), kBatch, MSG_WAITFORONE, nullptr);
        for (int i = 0; i < received; ++i)
            vectors[static_cast<std::size_t>(i)].iov_len =
                messages[static_cast<std::size_t>(i)].msg_len;
        if (received > 0 && answers)
            ::sendmmsg(fd.get(), messages.data(), static_cast<unsigned>(received), 0);
        count += static_cast<std::uint64_t>(received > 0 ? received : 0);
    }
    std::printf("%llu\n", static_cast<unsigned long long>(count));
}

std::vector<UniqueFd> openClients(std::uint16_t port, std::size_t count) {
    std::vector<UniqueFd> clients;
    const sockaddr_in address = local(port);
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(openSocket());
        if (::connect(clients.back().get(), reinterpret_cast<const sockaddr*>(&address),
                      sizeof address) != 0)
            throwErrno("connect");
    }
    return clients;
}

void ping(std::uint16_t port, std::size_t count, std::chrono::seconds time, std::size_t octets) {
    const std::vector<UniqueFd> clients = openClients(port, count);
    const UniqueFd epoll{::epoll_create1(EPOLL_CLOEXEC)};
    std::vector<Clock::time_point> sentAt(count);
    const std::vector<char> payload(octets, 'x');
    std::array<char, kMaxDatagram> answer{};
    const auto send = [&](std::size_t i, Clock::time_point now) {
        sentAt[i] = now;
        ::send(clients[i].get(), payload.data(), payload.size(), MSG_DONTWAIT);
    };
    for (std::size_t i = 0; i < count; ++i) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, clients[i].get(), &event) != 0)
            throwErrno("epoll_ctl");
        send(i, Clock::now());
    }
    std::uint64_t answers = 0;
    std::uint64_t lost = 0;
    const auto start = Clock::now();
    auto lastLook = start;
    std::array<epoll_event, 256> events{};
    while (Clock::now() - start < time) {
        const int ready = ::epoll_wait(epoll.get(), events.data(), 256, 50);
        const auto now = Clock::now();
        for (int e = 0; e < ready; ++e) {
            const auto i = static_cast<std::size_t>(events[static_cast<std::size_t>(e)].data.u64);
            if (::recv(clients[i].get(), answer.data(), answer.size(), MSG_DONTWAIT) < 0)
                continue;
            ++answers;
            send(i, now);
        }
        if (now - lastLook < kPatience)
            continue;
        lastLook = now;
        for (std::size_t i = 0; i < count; ++i)
            if (now - sentAt[i] >= kPatience) {
                ++lost;
                send(i, now);
            }
    }
    const std::chrono::duration<double> taken = Clock::now() - start;
    std::printf("%.0f %llu\n", static_cast<double>(answers) / taken.count(),
                static_cast<unsigned long long>(lost));
}

void flood(std::uint16_t port, std::size_t count, std::chrono::seconds time, std::size_t octets) {
    const std::vector<UniqueFd> clients = openClients(port, count);
    std::vector<char> payload(octets, 'x');
    iovec vector{payload.data(), payload.size()};
    // A few from each client in turn: the balancer meets all of them in one batch.
    std::array<mmsghdr, 4> messages{};
    for (mmsghdr& message : messages) {
        message.msg_hdr.msg_iov = &vector;
        message.msg_hdr.msg_iovlen = 1;
    }
    std::uint64_t sent = 0;
    const auto start = Clock::now();
    while (Clock::now() - start < time)
        for (const UniqueFd& client : clients)
            if (const int n = ::sendmmsg(client.get(), messages.data(), messages.size(), 0); n > 0)
                sent += static_cast<std::uint64_t>(n);
    const std::chrono::duration<double> taken = Clock::now() - start;
    std::printf("%.0f\n", static_cast<double>(sent) / taken.count());
}

template <typename T> T number(const char* text) {
    const auto value = parseNumber<T>(text);
    if (!value)
        throw SysError{EINVAL, text};
    return *value;
}

} // namespace

int main(int argc, char** argv) {
    struct sigaction action {};
    action.sa_handler = [](int) { isStopping = 1; };
    ::sigaction(SIGTERM, &action, nullptr);
    const std::string_view mode = argc > 2 ? argv[1] : "";
    try {
        const std::uint16_t port = argc > 2 ? number<std::uint16_t>(argv[2]) : std::uint16_t{0};
        if (argc == 3 && (mode == "echo" || mode == "sink"))
            serve(port, mode == "echo");
        else if (argc == 6 && (mode == "ping" || mode == "flood"))
            (mode == "ping" ? ping : flood)(port, number<std::size_t>(argv[3]),
                                            std::chrono::seconds{number<int>(argv[4])},
                                            number<std::size_t>(argv[5]));
        else
            return std::fputs(kUsage, stderr), 64;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "udp_load: %s\n", error.what());
        return 71;
    }
    return 0;
}
