// SPDX-License-Identifier: MIT
// Tests of the way of datagrams through the balancer, and that it costs no memory.
#include "tests/support/catch.h"
#include "workers/udp-balancer/forwarder.h"
#include "workers/udp-balancer/sockets.h"

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MMSD_HAS_OWN_ALLOCATOR
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MMSD_HAS_OWN_ALLOCATOR
#endif
#endif

namespace {
std::atomic<std::size_t> allocations{0};
} // namespace

// Sanitizers have operators of their own, which must not be mixed with these.
#if !defined(MMSD_HAS_OWN_ALLOCATOR)
void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size))
        return memory;
    throw std::bad_alloc{};
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
#endif

using namespace mmsd;
using namespace mmsd::udp;

namespace {

InetEndpoint loopback(std::uint16_t port = 0) {
    return {IpAddress::parse("127.0.0.1").value(), port};
}

InetEndpoint nameOf(int fd) {
    SocketAddress address{};
    socklen_t length = sizeof address;
    REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    return address.get();
}

void awaitInput(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, 5'000) != 1)
        throw std::runtime_error{"no datagram came"};
}

/** A forwarder with one service and its instances, all in this thread. */
class Bench {
public:
    explicit Bench(std::size_t instanceCount, Mode mode = Mode::RoundRobin)
        : forwarder_{std::make_unique<Forwarder>(64)} {
        for (std::size_t i = 0; i < instanceCount; ++i)
            instances_.push_back(openServiceSocket(loopback()));
        UniqueFd socket = openServiceSocket(loopback());
        endpoint_ = nameOf(socket.get());
        service_.mode = mode;
        setInstances(instanceCount);
        id_ = forwarder_->addService(service_, std::move(socket), endpoint_);
    }

    /** Serves the first @p count of the instances. */
    void setInstances(std::size_t count) {
        service_.targets.clear();
        for (std::size_t i = 0; i < count; ++i)
            service_.targets.push_back({nameOf(instances_[i].get()), true});
        std::ranges::sort(service_.targets);
    }
    void update() { forwarder_->updateService(id_, service_); }

    /** Moves what has come. */
    void turn() {
        awaitInput(forwarder_->descriptor());
        forwarder_->onReady();
    }
    /** An instance answers what it got with the same octets. @return how many */
    std::size_t echo(std::size_t i) {
        std::size_t count = 0;
        std::array<char, 2'048> buffer{};
        SocketAddress client{};
        for (;; ++count) {
            socklen_t length = sizeof client;
            const ssize_t size =
                ::recvfrom(instances_[i].get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                           reinterpret_cast<sockaddr*>(&client), &length);
            if (size < 0)
                return count;
            ::sendto(instances_[i].get(), buffer.data(), static_cast<std::size_t>(size), 0,
                     reinterpret_cast<const sockaddr*>(&client), length);
        }
    }
    void closeInstance(std::size_t i) { instances_[i].reset(); }
    [[nodiscard]] UniqueFd client() const { return openInstanceSocket(endpoint_); }
    [[nodiscard]] const Counters& counters() const { return forwarder_->counters(id_); }
    [[nodiscard]] std::uint64_t dropped(Drop reason) const {
        return counters().dropped[static_cast<std::size_t>(reason)];
    }
    [[nodiscard]] Forwarder& forwarder() { return *forwarder_; }
    [[nodiscard]] ServiceId id() const { return id_; }

private:
    std::unique_ptr<Forwarder> forwarder_;
    std::vector<UniqueFd> instances_;
    InetEndpoint endpoint_;
    Service service_;
    ServiceId id_ = 0;
};

void send(const UniqueFd& fd, std::string_view text = "x") {
    REQUIRE(::send(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
}

std::string receive(const UniqueFd& fd) {
    awaitInput(fd.get());
    std::array<char, 2'048> buffer{};
    const ssize_t size = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    REQUIRE(size >= 0);
    return {buffer.data(), static_cast<std::size_t>(size)};
}

} // namespace

TEST_CASE("forwarder: there and back, counted", "[udp][forwarder]") {
    Bench bench{1};
    const UniqueFd client = bench.client();
    send(client, "hello");
    bench.turn();
    CHECK(bench.echo(0) == 1);
    bench.turn();
    CHECK(receive(client) == "hello");
    CHECK(bench.counters().datagramsIn == 1);
    CHECK(bench.counters().bytesIn == 5);
    CHECK(bench.counters().datagramsOut == 1);
    CHECK(bench.counters().bytesOut == 5);
}

TEST_CASE("forwarder: nothing is allocated for a datagram", "[udp][forwarder]") {
    const Mode mode = GENERATE(Mode::RoundRobin, Mode::Multicast);
    Bench bench{3, mode};
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 20; ++i)
        clients.push_back(bench.client());
    std::array<char, 16> buffer{};
    const auto exchange = [&] {
        for (const UniqueFd& client : clients)
            ::send(client.get(), "x", 1, 0);
        bench.turn();
        for (std::size_t i = 0; i < 3; ++i)
            bench.echo(i);
        bench.turn();
        for (const UniqueFd& client : clients) {
            awaitInput(client.get());
            while (::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0) {
            }
        }
    };
    const std::size_t before = allocations;
    // New sessions, old sessions, full batches: all the same.
    for (int i = 0; i < 50; ++i)
        exchange();
    const std::size_t after = allocations;
    CHECK(after == before);
    CHECK(bench.counters().datagramsIn == 1'000);
    CHECK(bench.counters().datagramsOut >= 1'000);
}

TEST_CASE("forwarder: an ICMP error moves the session on", "[udp][forwarder]") {
    Bench bench{2};
    const UniqueFd client = bench.client();
    send(client);
    bench.turn();
    const std::size_t first = bench.echo(0) == 1 ? 0 : 1;
    bench.echo(1);
    bench.turn();
    receive(client);
    bench.closeInstance(first);
    send(client, "lost");
    bench.turn(); // sent; the error comes back at once
    send(client, "kept");
    bench.turn();
    CHECK(bench.echo(1 - first) == 1);
    bench.turn();
    CHECK(receive(client) == "kept");
    CHECK(bench.counters().instanceErrors >= 1);
    CHECK(bench.dropped(Drop::InstanceUnreachable) == 0);
}

TEST_CASE("forwarder: late answers of an instance that is gone still pass", "[udp][forwarder]") {
    Bench bench{2};
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 2; ++i) {
        clients.push_back(bench.client());
        send(clients.back());
        bench.turn();
    }
    bench.setInstances(1);
    bench.update();
    CHECK(bench.echo(0) == 1);
    CHECK(bench.echo(1) == 1);
    bench.turn();
    CHECK(receive(clients[0]) == "x");
    CHECK(receive(clients[1]) == "x");
    // The next question of either goes to the one that is left.
    for (const UniqueFd& client : clients)
        send(client);
    bench.turn();
    CHECK(bench.echo(0) == 2);
}

TEST_CASE("forwarder: a service without instances drops", "[udp][forwarder]") {
    Bench bench{0};
    const UniqueFd client = bench.client();
    send(client);
    bench.turn();
    CHECK(bench.dropped(Drop::NoInstance) == 1);
    CHECK(bench.forwarder().sessions().size() == 0);
}

TEST_CASE("forwarder: gives and adopts sessions", "[udp][forwarder]") {
    Bench bench{1};
    const UniqueFd client = bench.client();
    send(client);
    bench.turn();
    std::vector<StoredSession> given = bench.forwarder().giveSessions();
    REQUIRE(given.size() == 1);
    CHECK(given[0].client == nameOf(client.get()));
    // The answer waits in the session's socket.
    CHECK(bench.echo(0) == 1);

    Forwarder successor{8};
    Service service;
    service.targets = {{given[0].target.value(), true}};
    UniqueFd socket{::dup(bench.forwarder().socket(bench.id()))};
    const InetEndpoint endpoint = nameOf(socket.get());
    const ServiceId id = successor.addService(service, std::move(socket), endpoint);
    successor.adopt(id, std::move(given[0]));
    awaitInput(successor.descriptor());
    successor.onReady();
    CHECK(receive(client) == "x");
    CHECK(successor.sessions().size() == 1);
}

TEST_CASE("forwarder: a removed service is forgotten though its socket lives on",
          "[udp][forwarder]") {
    Bench bench{1};
    const UniqueFd kept{::dup(bench.forwarder().socket(bench.id()))};
    bench.forwarder().removeService(bench.id());
    const UniqueFd client = bench.client();
    send(client);
    awaitInput(kept.get());
    pollfd waiting{bench.forwarder().descriptor(), POLLIN, 0};
    CHECK(::poll(&waiting, 1, 0) == 0);
}
