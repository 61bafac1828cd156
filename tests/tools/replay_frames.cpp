// SPDX-License-Identifier: MIT
// replay_frames: plays the supervisor for one worker, without privileges.
#include "common/event_loop.h"
#include "common/file_io.h"
#include "common/inet_address.h"
#include "common/sys_error.h"
#include "common/text.h"
#include "common/timer.h"
#include "protocol/channel.h"
#include "protocol/control_messages.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "protocol/snapshot_assembler.h"
#include "protocol/state_codec.h"
#include "tests/tools/frame_text.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/core.h>

#include <array>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmsd {

namespace {

constexpr const char* kUsage =
    "usage: replay_frames [--delay-ms N] [--process NAME] [--listen ROLE=ADDRESS:PORT]…\n"
    "                     SNAPSHOT… -- WORKER [FLAG…]\n"
    "Sends Hello, then each snapshot file when the one before it is applied, then Shutdown, with\n"
    "N ms before each step but the first; prints what the worker answers. Listeners are passed\n"
    "from descriptor 4 on. The exit status is the worker's.\n";

constexpr int kChannelFd = 3;
/** A worker that answers nothing for so long is killed. */
constexpr std::chrono::seconds kPatience{30};

struct Arguments {
    std::chrono::milliseconds delay{0};
    std::string process;
    std::vector<std::string> listeners; ///< ROLE=ADDRESS:PORT
    std::vector<std::string> snapshots;
    std::vector<char*> worker;
};

Arguments parseArguments(int argc, char** argv) {
    Arguments arguments;
    int i = 1;
    const auto value = [&] {
        if (++i >= argc)
            throw std::invalid_argument{kUsage};
        return std::string{argv[i]};
    };
    for (; i < argc && std::string_view{argv[i]} != "--"; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--delay-ms")
            arguments.delay = std::chrono::milliseconds{parseNumber<int>(value()).value_or(0)};
        else if (argument == "--process")
            arguments.process = value();
        else if (argument == "--listen")
            arguments.listeners.push_back(value());
        else if (argument.starts_with("--"))
            throw std::invalid_argument{kUsage};
        else
            arguments.snapshots.emplace_back(argument);
    }
    for (++i; i < argc; ++i)
        arguments.worker.push_back(argv[i]);
    if (arguments.worker.empty())
        throw std::invalid_argument{kUsage};
    if (arguments.process.empty()) {
        std::string_view name = arguments.worker.front();
        name.remove_prefix(name.rfind('/') + 1);
        if (name.starts_with("mmsd-"))
            name.remove_prefix(5);
        arguments.process = name;
    }
    arguments.worker.push_back(nullptr);
    return arguments;
}

/** Binds and listens, and prints where. @param spec ROLE=ADDRESS:PORT, port 0 = any */
UniqueFd listenOn(const std::string& spec) {
    const std::size_t equals = spec.find('=');
    const std::size_t colon = spec.rfind(':');
    if (equals == std::string::npos || colon == std::string::npos || colon < equals)
        throw std::invalid_argument{kUsage};
    const auto address = IpAddress::parse(spec.substr(equals + 1, colon - equals - 1));
    const auto port = parseNumber<std::uint16_t>(spec.substr(colon + 1));
    if (!address || !port)
        throw std::invalid_argument{kUsage};

    sockaddr_storage storage{};
    socklen_t length = InetEndpoint{*address, *port}.toSockaddr(storage);
    auto* const raw = reinterpret_cast<sockaddr*>(&storage);
    UniqueFd socket{
        ::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP)};
    if (::bind(socket.get(), raw, length) != 0 || ::listen(socket.get(), SOMAXCONN) != 0)
        throwErrno("listen on " + spec);
    length = sizeof storage;
    if (::getsockname(socket.get(), raw, &length) != 0)
        throwErrno("getsockname");
    fmt::print("listening {} {}\n", spec.substr(0, equals),
               InetEndpoint::fromSockaddr(raw, length).value().toString());
    return socket;
}

/** Starts the worker with its descriptors from 3 on; never returns in the child. */
pid_t launch(const std::vector<char*>& command, const UniqueFd& channel,
             const std::vector<UniqueFd>& sockets) {
    const pid_t pid = ::fork();
    if (pid < 0)
        throwErrno("fork");
    if (pid > 0)
        return pid;
    // First out of the way of the numbers that they are to have.
    std::vector<int> parked{::fcntl(channel.get(), F_DUPFD_CLOEXEC, 64)};
    for (const UniqueFd& socket : sockets)
        parked.push_back(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 64));
    for (std::size_t i = 0; i < parked.size(); ++i)
        ::dup2(parked[i], kChannelFd + static_cast<int>(i));
    ::execvp(command.front(), command.data());
    std::perror(command.front());
    ::_exit(127);
}

/** The state of a snapshot file as one transaction, with another generation. */
protocol::SharedFrames loadSnapshot(const std::string& path, std::uint64_t generation) {
    const std::string content = readFile(path, protocol::kMaxSnapshotBytes);
    const auto [snapshot, flaw] = protocol::decodeSnapshotFile(std::as_bytes(std::span{content}));
    if (!flaw.empty())
        throw protocol::ProtocolError{path + ": " + flaw};
    std::vector<protocol::EncodedApp> encoded;
    for (const auto& app : snapshot->apps)
        encoded.push_back(protocol::encodeApp(*app));
    std::vector<const protocol::EncodedApp*> pointers;
    for (const protocol::EncodedApp& app : encoded)
        pointers.push_back(&app);
    return std::make_shared<const std::vector<std::byte>>(
        protocol::encodeSnapshot(generation, snapshot->begin, pointers));
}

/** The supervisor's part of the conversation, until the worker has closed its end. */
class Replay final : private protocol::Channel::Handler {
public:
    Replay(const Arguments& arguments, UniqueFd socket, std::vector<protocol::SharedFrames> frames)
        : delay_{arguments.delay}, snapshots_{std::move(frames)}, channel_{loop_, std::move(socket),
                                                                           protocol::Sender::Worker,
                                                                           *this} {
        protocol::Hello hello{
            .version = protocol::kProtocolVersion, .process = arguments.process, .sockets = {}};
        auto fd = protocol::kFirstSocketFd;
        for (const std::string& spec : arguments.listeners)
            hello.sockets.push_back({.fd = fd++, .role = spec.substr(0, spec.find('='))});
        channel_.send(protocol::MessageType::Hello, protocol::encode(hello));
        patience_->start(kPatience);
    }

    /** @return false if the worker stopped answering */
    bool run() {
        loop_.run();
        return hasEnded_;
    }

private:
    void onFrame(const protocol::FrameView& frame) override {
        print(text_.describe(frame));
        patience_->start(kPatience + delay_);
        if (frame.header.type == protocol::MessageType::Ready && !snapshots_.empty())
            step();
        else if (frame.header.type == protocol::MessageType::Ready ||
                 frame.header.type == protocol::MessageType::SnapshotApplied)
            pause_->start(delay_);
    }
    void onChannelClosed(std::string_view reason) override {
        print(fmt::format("channel {}", reason));
        hasEnded_ = true;
        loop_.stop();
    }
    void step() {
        if (next_ == snapshots_.size()) {
            channel_.send(protocol::MessageType::Shutdown);
            return;
        }
        const auto& frames = snapshots_[next_++];
        channel_.send(protocol::MessageType::SnapshotTarget, {}, next_);
        channel_.send(frames);
    }
    static void print(const std::string& line) {
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }

    std::chrono::milliseconds delay_;
    std::vector<protocol::SharedFrames> snapshots_;
    std::size_t next_ = 0;
    bool hasEnded_ = false;
    test::FrameText text_;
    EventLoop loop_;
    EventTimerFactory timers_{loop_};
    std::unique_ptr<Timer> pause_ = timers_.create([this] { step(); });
    std::unique_ptr<Timer> patience_ = timers_.create([this] { loop_.stop(); });
    protocol::Channel channel_;
};

/** @return as a shell has it: the exit status, or 128 plus the signal */
int waitFor(pid_t pid, bool mayTakeTime) {
    const UniqueFd pidFd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    pollfd ended{pidFd.get(), POLLIN, 0};
    if (!mayTakeTime || ::poll(&ended, 1, 10'000) != 1)
        ::kill(pid, SIGKILL);
    int status = 0;
    if (::waitpid(pid, &status, 0) < 0)
        throwErrno("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int replay(const Arguments& arguments) {
    std::vector<protocol::SharedFrames> snapshots;
    for (const std::string& path : arguments.snapshots)
        snapshots.push_back(loadSnapshot(path, snapshots.size() + 1));
    std::vector<UniqueFd> sockets;
    for (const std::string& spec : arguments.listeners)
        sockets.push_back(listenOn(spec));
    std::fflush(stdout);

    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throwErrno("socketpair");
    UniqueFd own{ends[0]};
    UniqueFd workers{ends[1]};
    const pid_t pid = launch(arguments.worker, workers, sockets);
    workers.reset();
    const bool isAlive = Replay{arguments, std::move(own), std::move(snapshots)}.run();
    const int status = waitFor(pid, isAlive);
    fmt::print("worker ended with {}\n", status);
    return status;
}

} // namespace

} // namespace mmsd

int main(int argc, char* argv[]) {
    try {
        return mmsd::replay(mmsd::parseArguments(argc, argv));
    } catch (const std::invalid_argument& error) {
        std::fputs(error.what(), stderr);
        return 64;
    } catch (const std::exception& error) {
        fmt::print(stderr, "replay_frames: {}\n", error.what());
        return 1;
    }
}
