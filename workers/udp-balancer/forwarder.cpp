// SPDX-License-Identifier: MIT
// Forwarder: moves datagrams between clients and instances.
#include "workers/udp-balancer/forwarder.h"

#include "common/sys_error.h"
#include "workers/udp-balancer/sockets.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mmsd::udp {

namespace {

/** Rounds of onReady(): then the channel to the supervisor gets its turn. */
constexpr int kMaxRounds = 16;
/** Fewer ready sockets than this: the event loop may as well wait for more. */
constexpr int kWorthAnotherRound = 8;
/** Instances that one datagram is offered to. */
constexpr int kMaxAttempts = 3;

/** Tags of epoll events: a session, or a service with this bit. */
constexpr std::uint64_t kServiceTag = std::uint64_t{1} << 32;

std::array<std::uint64_t, 2> drawSecret() {
    std::array<std::uint64_t, 2> secret{};
    if (::getrandom(secret.data(), sizeof secret, 0) != static_cast<ssize_t>(sizeof secret))
        throwErrno("draw random octets");
    return secret;
}

bool isBufferFull(int error) noexcept {
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

bool isOutOfSockets(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == EADDRINUSE || error == EAGAIN ||
           error == ENOBUFS || error == ENOMEM || error == ENOSPC || error == EAFNOSUPPORT;
}

} // namespace

Forwarder::Forwarder(std::uint32_t maxSessions)
    : epoll_{::epoll_create1(EPOLL_CLOEXEC)},
      upstreams_(maxSessions), table_{maxSessions, drawSecret(),
                                      [this](SessionId id) { upstreams_[id] = {}; }} {
    if (!epoll_.isDefined())
        throwErrno("epoll_create1");
}

void Forwarder::onReady() {
    for (int round = 0; round < kMaxRounds; ++round) {
        const int count =
            ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), 0);
        now_ = std::chrono::steady_clock::now();
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<std::size_t>(i)];
            const auto id = static_cast<std::uint32_t>(event.data.u64);
            if ((event.data.u64 & kServiceTag) != 0)
                takeFromClients(id);
            else
                takeFromInstance(id, (event.events & EPOLLERR) != 0);
        }
        flushReplies();
        if (count < kWorthAnotherRound)
            break;
    }
}

void Forwarder::expire(TimePoint now) {
    table_.expire(now);
}

ServiceId Forwarder::addService(const Service& service, UniqueFd socket,
                                const InetEndpoint& bound) {
    const ServiceId id = table_.addService(service);
    if (id >= frontends_.size())
        frontends_.resize(id + 1);
    frontends_[id] = std::make_unique<Frontend>();
    Frontend& frontend = *frontends_[id];
    frontend.socket = std::move(socket);
    frontend.bound = bound;
    setTargets(frontend, service);
    ownPorts_.set(bound.port);
    if (!watch(frontend.socket.get(), kServiceTag | id))
        throwErrno("watch a service socket");
    return id;
}

void Forwarder::updateService(ServiceId id, const Service& service) {
    table_.updateService(id, service);
    setTargets(*frontends_[id], service);
}

void Forwarder::removeService(ServiceId id) {
    table_.removeService(id);
    ownPorts_.reset(frontends_[id]->bound.port);
    // Closing is not enough: the store may keep the socket, and with it the registration.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, frontends_[id]->socket.get(), nullptr);
    frontends_[id].reset();
}

void Forwarder::adopt(ServiceId id, StoredSession session) {
    const auto restored = table_.restore(
        id, session.client, session.target ? &*session.target : nullptr, session.lastUse);
    if (!restored || !watch(session.socket.get(), *restored))
        return;
    upstreams_[*restored] = {.socket = std::move(session.socket),
                             .assignment = table_.assignment(*restored),
                             .isV6 = session.isV6,
                             .asked = session.asked};
}

std::vector<StoredSession> Forwarder::giveSessions() {
    epoll_.reset();
    std::vector<StoredSession> given;
    for (ServiceId id = 0; id < frontends_.size(); ++id) {
        if (!frontends_[id])
            continue;
        for (const SessionId session : table_.sessionsOf(id)) {
            Upstream& upstream = upstreams_[session];
            const InetEndpoint* const target = table_.target(session);
            if (!upstream.socket.isDefined() || (target == nullptr && !frontends_[id]->isMulticast))
                continue;
            given.push_back({.servicePort = frontends_[id]->bound.port,
                             .client = table_.client(session),
                             .target = target ? std::optional{*target} : std::nullopt,
                             .asked = upstream.asked,
                             .isV6 = upstream.isV6,
                             .lastUse = table_.lastUse(session),
                             .socket = std::move(upstream.socket)});
        }
    }
    return given;
}

void Forwarder::setTargets(Frontend& frontend, const Service& service) {
    frontend.isMulticast = service.mode == Mode::Multicast;
    frontend.hasV6Target = false;
    frontend.targets.clear();
    frontend.takers.clear();
    for (const Target& target : service.targets) {
        frontend.targets.push_back(target.endpoint);
        if (target.takesNew)
            frontend.takers.push_back(target.endpoint);
        frontend.hasV6Target |= target.endpoint.address.isV6();
    }
}

bool Forwarder::watch(int fd, std::uint64_t tag) const noexcept {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Forwarder::takeFromClients(ServiceId id) {
    Frontend& frontend = *frontends_[id];
    const std::size_t count = inbound_.receive(frontend.socket.get());
    for (std::size_t i = 0; i < count; ++i) {
        const std::span<const std::byte> payload = inbound_.payload(i);
        const InetEndpoint client = inbound_.client(i);
        const AskedAddress asked = inbound_.asked(i);
        ++frontend.counters.datagramsIn;
        frontend.counters.bytesIn += payload.size();
        if (client.port == 0 || isOwnAddress(frontend, client, asked))
            frontend.counters.drop(Drop::BadSource);
        else
            forward(id, client, asked, payload);
    }
}

/** An answer to the service's own address would come back as a question, for ever. */
bool Forwarder::isOwnAddress(const Frontend& frontend, const InetEndpoint& client,
                             const AskedAddress& asked) const noexcept {
    return ownPorts_.test(client.port) &&
           client.address == (asked.isKnown ? asked.address : frontend.bound.address);
}

void Forwarder::forward(ServiceId id, const InetEndpoint& client, const AskedAddress& asked,
                        std::span<const std::byte> payload) {
    Frontend& frontend = *frontends_[id];
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
        const auto session = table_.route(id, client, now_);
        if (!session)
            return frontend.counters.drop(Drop::NoInstance);
        Upstream& upstream = upstreams_[*session];
        upstream.asked = asked;
        const bool isCurrent = upstream.socket.isDefined() &&
                               upstream.assignment == table_.assignment(*session) &&
                               (!frontend.isMulticast || upstream.isV6 == frontend.hasV6Target);
        if (!isCurrent && !open(frontend, *session)) {
            if (isOutOfSockets(errno))
                return frontend.counters.drop(Drop::NoSocket);
            onInstanceError(*session, errno);
            continue;
        }
        if (frontend.isMulticast)
            return fanOut(frontend, *session, payload);
        if (sendOn(frontend, *session, payload))
            return;
        onInstanceError(*session, errno);
    }
    frontend.counters.drop(Drop::InstanceUnreachable);
}

bool Forwarder::open(const Frontend& frontend, SessionId session) {
    Upstream& upstream = upstreams_[session];
    upstream.isV6 = frontend.hasV6Target;
    upstream.assignment = table_.assignment(session);
    upstream.socket = frontend.isMulticast ? openFanOutSocket(upstream.isV6)
                                           : openInstanceSocket(*table_.target(session));
    if (upstream.socket.isDefined() && watch(upstream.socket.get(), session))
        return true;
    const int error = errno;
    upstream.socket.reset();
    errno = error;
    return false;
}

bool Forwarder::sendOn(Frontend& frontend, SessionId session, std::span<const std::byte> payload) {
    const int fd = upstreams_[session].socket.get();
    if (::send(fd, payload.data(), payload.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (isBufferFull(errno))
        frontend.counters.drop(Drop::InstanceBufferFull);
    else if (errno == EMSGSIZE)
        frontend.counters.drop(Drop::TooLarge);
    else
        return false; // an ICMP error that an earlier datagram caused: this one was not sent
    return true;
}

void Forwarder::fanOut(Frontend& frontend, SessionId session, std::span<const std::byte> payload) {
    const Upstream& upstream = upstreams_[session];
    iovec vector{const_cast<std::byte*>(payload.data()), payload.size()};
    std::size_t sent = 0;
    int lastError = 0;
    for (std::size_t first = 0; first < frontend.takers.size(); first += kBatch) {
        const std::size_t count = std::min(kBatch, frontend.takers.size() - first);
        for (std::size_t i = 0; i < count; ++i) {
            SocketAddress& address = fanOutAddresses_[i];
            msghdr& message = fanOutMessages_[i].msg_hdr;
            message = {};
            message.msg_name = &address;
            message.msg_namelen = upstream.isV6 ? address.setMapped(frontend.takers[first + i])
                                                : address.set(frontend.takers[first + i]);
            message.msg_iov = &vector;
            message.msg_iovlen = 1;
        }
        for (std::size_t done = 0; done < count;) {
            const int result =
                ::sendmmsg(upstream.socket.get(), &fanOutMessages_[done],
                           static_cast<unsigned>(count - done), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (result < 0)
                lastError = errno;
            sent += static_cast<std::size_t>(std::max(result, 0));
            // An instance that cannot be sent to is passed over.
            done += static_cast<std::size_t>(std::max(result, 1));
        }
    }
    if (lastError != 0)
        ++frontend.counters.instanceErrors;
    if (sent == 0)
        frontend.counters.drop(isBufferFull(lastError) ? Drop::InstanceBufferFull
                               : lastError == EMSGSIZE ? Drop::TooLarge
                                                       : Drop::InstanceUnreachable);
}

void Forwarder::takeFromInstance(SessionId session, bool hasError) {
    const Upstream& upstream = upstreams_[session];
    if (!upstream.socket.isDefined())
        return; // ended by an earlier event of this round
    if (replies_.isFull())
        flushReplies();
    const ServiceId service = table_.service(session);
    Frontend& frontend = *frontends_[service];
    const int count = replies_.receive(upstream.socket.get(), frontend.isMulticast);
    for (int i = 0; i < count; ++i) {
        if (frontend.isMulticast &&
            !std::ranges::binary_search(frontend.targets, replies_.source())) {
            frontend.counters.drop(Drop::Stranger);
            replies_.drop();
        } else {
            replies_.address(service, table_.client(session), upstream.asked);
        }
    }
    if (count > 0)
        table_.touch(session, now_);
    const bool hasFailed = count < 0 && errno != EAGAIN && errno != EINTR;
    if (hasFailed)
        onInstanceError(session, errno);
    else if (hasError)
        if (const int error = takeError(upstream.socket.get()); error != 0)
            onInstanceError(session, error);
}

void Forwarder::onInstanceError(SessionId session, int error) {
    ++frontends_[table_.service(session)]->counters.instanceErrors;
    // Answers of other instances still come through a socket that is not connected.
    if (error == EMSGSIZE || table_.target(session) == nullptr)
        return;
    table_.refuse(session, now_);
    upstreams_[session].socket.reset();
}

void Forwarder::flushReplies() {
    while (const auto run = replies_.takeRun())
        sendRun(*frontends_[run->service], run->messages);
}

void Forwarder::sendRun(Frontend& frontend, std::span<mmsghdr> messages) {
    while (!messages.empty()) {
        const int sent =
            ::sendmmsg(frontend.socket.get(), messages.data(),
                       static_cast<unsigned>(messages.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            frontend.counters.datagramsOut += static_cast<std::uint64_t>(sent);
            for (const mmsghdr& message : messages.first(static_cast<std::size_t>(sent)))
                frontend.counters.bytesOut += message.msg_len;
            messages = messages.subspan(static_cast<std::size_t>(sent));
        } else if (isBufferFull(errno)) {
            return frontend.counters.drop(Drop::ClientBufferFull, messages.size());
        } else if (errno != EINTR) {
            frontend.counters.drop(errno == EMSGSIZE ? Drop::TooLarge : Drop::ClientUnreachable);
            messages = messages.subspan(1);
        }
    }
}

} // namespace mmsd::udp
