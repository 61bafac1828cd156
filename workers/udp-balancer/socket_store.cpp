// SPDX-License-Identifier: MIT
// SocketStore: sockets that outlive the process, held by the kernel for the next one.
#include "workers/udp-balancer/socket_store.h"

#include "common/file_io.h"
#include "common/log.h"
#include "common/sys_error.h"
#include "protocol/protocol_error.h"
#include "protocol/wire_reader.h"
#include "protocol/wire_writer.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <utility>

namespace mmsd::udp {

namespace {

/** Changes with every change of the formats below; what another version left is closed. */
constexpr std::uint8_t kVersion = 1;
enum class Kind : std::uint8_t {
    Services,       ///< ports; one descriptor each
    SessionFile,    ///< descriptor of the memory file that describes all sessions
    SessionSockets, ///< descriptors, in the file's order
};

/** Descriptors in one message; the kernel takes 253 (SCM_MAX_FD). */
constexpr std::size_t kMaxFds = 250;
constexpr std::size_t kMaxMessage = 2 + 2 * kMaxFds;
/** Octets of the memory file: all sessions, at less than 64 each. */
constexpr std::size_t kMaxSessionFile = 4u << 20;

void write(protocol::WireWriter& out, const IpAddress& address) {
    out.boolean(address.isV6());
    out.bytes(std::as_bytes(std::span{address.data(), address.size()}));
}

IpAddress readAddress(protocol::WireReader& in) {
    if (in.boolean()) {
        in6_addr v6{};
        std::memcpy(&v6, in.bytes(sizeof v6).data(), sizeof v6);
        return IpAddress{v6};
    }
    in_addr v4{};
    std::memcpy(&v4, in.bytes(sizeof v4).data(), sizeof v4);
    return IpAddress{v4};
}

void write(protocol::WireWriter& out, const InetEndpoint& endpoint) {
    write(out, endpoint.address);
    out.u16(endpoint.port);
}

InetEndpoint readEndpoint(protocol::WireReader& in) {
    const IpAddress address = readAddress(in);
    return {address, in.u16()};
}

void write(protocol::WireWriter& out, const StoredSession& session) {
    out.u16(session.servicePort);
    write(out, session.client);
    out.boolean(session.target.has_value());
    if (session.target)
        write(out, *session.target);
    out.boolean(session.asked.isKnown);
    write(out, session.asked.address);
    out.u32(session.asked.interface);
    out.boolean(session.isV6);
    out.u64(static_cast<std::uint64_t>(session.lastUse.time_since_epoch().count()));
}

StoredSession readSession(protocol::WireReader& in) {
    StoredSession session;
    session.servicePort = in.u16();
    session.client = readEndpoint(in);
    if (in.boolean())
        session.target = readEndpoint(in);
    session.asked.isKnown = in.boolean();
    session.asked.address = readAddress(in);
    session.asked.interface = in.u32();
    session.isV6 = in.boolean();
    session.lastUse =
        TimePoint{TimePoint::duration{static_cast<TimePoint::duration::rep>(in.u64())}};
    return session;
}

std::vector<std::byte> readMemoryFile(int fd) {
    std::vector<std::byte> content(kMaxSessionFile);
    std::size_t size = 0;
    while (size < content.size()) {
        const ssize_t count =
            ::pread(fd, content.data() + size, content.size() - size, static_cast<off_t>(size));
        if (count <= 0)
            break;
        size += static_cast<std::size_t>(count);
    }
    content.resize(size);
    return content;
}

/** Joins descriptions and sockets, which came in messages of their own. */
std::vector<StoredSession> readSessions(const UniqueFd& file, std::deque<UniqueFd>& sockets) {
    std::vector<StoredSession> sessions;
    const std::vector<std::byte> content = readMemoryFile(file.get());
    protocol::WireReader in{content};
    while (in.remaining() > 0 && !sockets.empty()) {
        sessions.push_back(readSession(in));
        sessions.back().socket = std::move(sockets.front());
        sockets.pop_front();
    }
    return sessions;
}

} // namespace

struct SocketStore::Message {
    std::vector<std::byte> payload;
    std::vector<UniqueFd> fds;
};

SocketStore::SocketStore(UniqueFd in, UniqueFd out) : in_{std::move(in)}, out_{std::move(out)} {
    if (!isDefined())
        return;
    sessionFile_.reset(::memfd_create("udp-sessions", MFD_CLOEXEC));
    if (!sessionFile_.isDefined())
        throwErrno("memfd_create");
}

StoredSockets SocketStore::take() {
    StoredSockets stored;
    UniqueFd sessionFile;
    std::deque<UniqueFd> sessionSockets;
    try {
        while (auto message = takeMessage()) {
            protocol::WireReader in{message->payload};
            if (in.u8() != kVersion)
                continue;
            const auto kind = static_cast<Kind>(in.u8());
            for (UniqueFd& fd : message->fds) {
                if (kind == Kind::Services)
                    stored.services[in.u16()] = std::move(fd);
                else if (kind == Kind::SessionFile)
                    sessionFile = std::move(fd);
                else
                    sessionSockets.push_back(std::move(fd));
            }
        }
        if (sessionFile.isDefined())
            stored.sessions = readSessions(sessionFile, sessionSockets);
    } catch (const protocol::ProtocolError& error) {
        logWarning("sockets of the last process not taken over", {{"reason", error.what()}});
    }
    keptMessages_ = 0;
    return stored;
}

bool SocketStore::keepServices(const std::map<std::uint16_t, int>& services) {
    if (!isDefined())
        return false;
    bool isComplete = true;
    std::size_t sent = 0;
    for (auto next = services.begin(); next != services.end();) {
        protocol::WireWriter payload;
        payload.u8(kVersion);
        payload.u8(static_cast<std::uint8_t>(Kind::Services));
        std::vector<int> fds;
        for (; next != services.end() && fds.size() < kMaxFds; ++next) {
            payload.u16(next->first);
            fds.push_back(next->second);
        }
        const bool isSent = put(payload.view(), fds);
        sent += isSent ? 1 : 0;
        isComplete &= isSent;
    }
    // The older set goes when the newer one is in.
    for (std::size_t i = 0; i < std::exchange(keptMessages_, sent); ++i)
        static_cast<void>(::recv(out_.get(), nullptr, 0, MSG_DONTWAIT | MSG_TRUNC));
    return isComplete;
}

std::size_t SocketStore::keepSessions(const std::vector<StoredSession>& sessions) {
    if (!isDefined())
        return 0;
    protocol::WireWriter descriptions;
    for (const StoredSession& session : sessions)
        write(descriptions, session);
    writeAll(sessionFile_.get(), descriptions.view());

    const auto header = [](Kind kind) {
        return std::array{std::byte{kVersion}, static_cast<std::byte>(kind)};
    };
    const int file = sessionFile_.get();
    if (!put(header(Kind::SessionFile), {&file, 1}))
        return 0;
    std::size_t kept = 0;
    while (kept < sessions.size()) {
        std::vector<int> fds;
        for (std::size_t i = kept; i < sessions.size() && fds.size() < kMaxFds; ++i)
            fds.push_back(sessions[i].socket.get());
        if (!put(header(Kind::SessionSockets), fds))
            break;
        kept += fds.size();
    }
    return kept;
}

bool SocketStore::put(std::span<const std::byte> payload, std::span<const int> fds) {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
    iovec vector{const_cast<std::byte*>(payload.data()), payload.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    return ::sendmsg(in_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

std::optional<SocketStore::Message> SocketStore::takeMessage() {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
    Message taken;
    taken.payload.resize(kMaxMessage);
    iovec vector{taken.payload.data(), taken.payload.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size =
        isDefined() ? ::recvmsg(out_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) : -1;
    if (size < 0)
        return std::nullopt;
    taken.payload.resize(static_cast<std::size_t>(size));
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        std::vector<int> fds((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        std::memcpy(fds.data(), CMSG_DATA(header), fds.size() * sizeof(int));
        for (const int fd : fds)
            taken.fds.emplace_back(fd);
    }
    return taken;
}

} // namespace mmsd::udp
