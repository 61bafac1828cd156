// SPDX-License-Identifier: MIT
// RuntimeSession: one conversation with a HAProxy's admin socket.
#include "workers/haproxy-manager/runtime_session.h"

#include "common/sys_error.h"
#include "common/text.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;

/** What HAProxy ends each reply with in interactive mode. */
constexpr std::string_view kPrompt = "\n> ";
/** What it asks for each line of a payload with. */
constexpr std::string_view kPayloadPrompt = "+ ";
/** HAProxy reads into a buffer of 16 KiB: more before its answer is not read as one piece. */
constexpr std::size_t kChunk = 12'000;
/** `show servers state` of 10 000 apps is some 10 MB. */
constexpr std::size_t kReplyLimit = 128u << 20;

} // namespace

RuntimeSession::RuntimeSession(Reactor reactor, std::string path, std::chrono::milliseconds limit)
    : reactor_{reactor}, path_{std::move(path)}, deadline_{reactor.timers.now() + limit} {}

Task<> RuntimeSession::open() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path)
        throwErrno(path_, ENAMETOOLONG);
    std::memcpy(address.sun_path, path_.data(), path_.size());
    socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_.isDefined())
        throwErrno("make a socket");
    // EAGAIN: its backlog is full, because it is slow or hangs.
    while (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
           0) {
        if (errno != EAGAIN && errno != EINTR)
            throwErrno("connect to " + path_);
        if (reactor_.timers.now() >= deadline_)
            throw RuntimeError{path_ + ": does not accept"};
        co_await Pause{reactor_, 10ms};
    }
    co_await send("prompt\n");
    const std::string greeting = co_await readReply();
    if (!trim(greeting).empty())
        throw RuntimeError{"unexpected greeting: " + escapeText(greeting, 100)};
}

Task<std::vector<std::string>> RuntimeSession::ask(std::vector<std::string> commands) {
    std::vector<std::string> replies;
    replies.reserve(commands.size());
    std::size_t sent = 0;
    while (replies.size() < commands.size()) {
        std::string chunk;
        while (sent < commands.size()) {
            const std::string& next = commands[sent];
            // A command with a payload goes alone: its end is an empty line.
            const bool hasPayload = next.find('\n') != std::string::npos;
            if (!chunk.empty() && (hasPayload || chunk.size() + next.size() + 2 > kChunk))
                break;
            chunk.append(next).append("\n");
            ++sent;
            if (hasPayload)
                break;
        }
        co_await send(std::move(chunk));
        while (replies.size() < sent) {
            std::string reply = co_await readReply();
            std::string_view text = reply;
            while (text.starts_with(kPayloadPrompt))
                text.remove_prefix(kPayloadPrompt.size());
            replies.emplace_back(text);
        }
    }
    co_return replies;
}

Task<std::string> RuntimeSession::ask(std::string command) {
    std::vector<std::string> commands;
    commands.push_back(std::move(command));
    std::vector<std::string> replies = co_await ask(std::move(commands));
    co_return std::move(replies.front());
}

Task<> RuntimeSession::command(std::vector<RuntimeCommand> commands) {
    std::vector<std::string> texts;
    texts.reserve(commands.size());
    for (const RuntimeCommand& command : commands)
        texts.push_back(command.text);
    const std::vector<std::string> replies = co_await ask(std::move(texts));
    for (std::size_t i = 0; i < commands.size(); ++i)
        if (!isAsExpected(commands[i], replies[i]))
            throw RuntimeError{escapeText(commands[i].text, 120) + ": " +
                               escapeText(trim(replies[i]), 120)};
}

pid_t RuntimeSession::peer() const {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        throwErrno("ask who listens at " + path_);
    return credentials.pid;
}

Task<> RuntimeSession::send(std::string text) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const ssize_t count = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (count >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            const std::array<FdWait::Watch, 2> watches{{{socket_.get(), true}, {}}};
            const bool isReady = co_await FdWait{reactor_, watches, deadline_};
            if (!isReady)
                throw RuntimeError{path_ + ": does not read"};
        } else if (errno != EINTR) {
            throwErrno("send to " + path_);
        }
    }
}

Task<std::string> RuntimeSession::readReply() {
    std::size_t searched = 0;
    for (;;) {
        const std::size_t end = input_.find(kPrompt, searched);
        if (end != std::string::npos) {
            std::string reply = input_.substr(0, end);
            input_.erase(0, end + kPrompt.size());
            co_return reply;
        }
        searched = input_.size() - std::min(input_.size(), kPrompt.size());
        if (input_.size() > kReplyLimit)
            throw RuntimeError{path_ + ": endless answer"};
        char buffer[65'536];
        const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
        if (count > 0) {
            input_.append(buffer, static_cast<std::size_t>(count));
        } else if (count == 0) {
            throw RuntimeError{path_ + ": closed without an answer"};
        } else if (errno == EAGAIN) {
            const std::array<FdWait::Watch, 2> watches{{{socket_.get()}, {}}};
            const bool isReady = co_await FdWait{reactor_, watches, deadline_};
            if (!isReady)
                throw RuntimeError{path_ + ": no answer in time"};
        } else if (errno != EINTR) {
            throwErrno("read from " + path_);
        }
    }
}

Task<std::optional<ProcessInfo>> askForInfo(Reactor reactor, std::string path,
                                            std::chrono::milliseconds limit) {
    try {
        RuntimeSession session{reactor, std::move(path), limit};
        co_await session.open();
        const std::string reply = co_await session.ask("show info");
        co_return parseInfo(reply);
    } catch (const std::runtime_error&) {
        co_return std::nullopt;
    }
}

} // namespace mmsd::haproxy
