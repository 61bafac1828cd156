// SPDX-License-Identifier: MIT
// SupervisorDouble: plays the supervisor for a worker in a forked child.
#pragma once

#include "common/event_loop.h"
#include "common/log.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "common/timer.h"
#include "protocol/frame.h"
#include "protocol/state_codec.h"
#include "tests/unit/common/child_process.h"
#include "workers/runtime/inherited_fds.h"
#include "workers/runtime/supervised_run.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmsd::test {

/** A received frame, owned. */
struct OwnedFrame {
    protocol::FrameHeader header;
    std::vector<std::byte> payload;
};

/** Forks a process that runs @p definition under SupervisedRun, sandbox and all, and speaks to it
 *  with blocking calls that give up after a while. */
class SupervisorDouble {
public:
    explicit SupervisorDouble(const worker::WorkerDefinition& definition,
                              const std::vector<std::string>& arguments = {}) {
        int ends[2] = {-1, -1};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            throwErrno("socketpair");
        socket_.reset(ends[0]);
        UniqueFd theirs{ends[1]};
        const timeval limit{20, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        pid_ = ::fork();
        if (pid_ < 0)
            throwErrno("fork");
        if (pid_ == 0) {
            socket_.reset();
            runChild(definition, arguments, std::move(theirs));
        }
    }
    ~SupervisorDouble() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    SupervisorDouble(const SupervisorDouble&) = delete;
    SupervisorDouble& operator=(const SupervisorDouble&) = delete;

    void send(protocol::MessageType type, protocol::PayloadView payload = {},
              std::uint64_t generation = 0) {
        std::vector<std::byte> frame;
        protocol::appendFrame(frame, type, generation, payload);
        sendBytes(frame);
    }
    void sendBytes(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0)
                throwErrno("send to the worker");
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        }
    }
    void sendSnapshot(std::uint64_t generation, const std::vector<protocol::App>& apps) {
        send(protocol::MessageType::SnapshotTarget, {}, generation);
        sendBytes(framesOf(generation, apps));
    }
    static std::vector<std::byte> framesOf(std::uint64_t generation,
                                           const std::vector<protocol::App>& apps) {
        std::vector<protocol::EncodedApp> encoded;
        for (const protocol::App& app : apps)
            encoded.push_back(protocol::encodeApp(app));
        std::vector<const protocol::EncodedApp*> pointers;
        for (const protocol::EncodedApp& each : encoded)
            pointers.push_back(&each);
        return protocol::encodeSnapshot(generation, {}, pointers);
    }

    /** The next frame of that type; others are skipped. @throws if the worker is silent or gone */
    OwnedFrame await(protocol::MessageType type) {
        while (true) {
            std::span<const std::byte> rest{input_};
            if (const auto frame = protocol::takeFrame(rest)) {
                OwnedFrame owned{frame->header, {frame->payload.begin(), frame->payload.end()}};
                input_.erase(input_.begin(),
                             input_.end() - static_cast<std::ptrdiff_t>(rest.size()));
                if (owned.header.type == type)
                    return owned;
                continue;
            }
            std::byte buffer[4096];
            const ssize_t count = ::recv(socket_.get(), buffer, sizeof buffer, 0);
            if (count <= 0)
                throw std::runtime_error{"the worker is silent or gone"};
            input_.insert(input_.end(), buffer, buffer + count);
        }
    }
    protocol::SnapshotApplied awaitApplied(std::uint64_t generation) {
        while (true) {
            const OwnedFrame frame = await(protocol::MessageType::SnapshotApplied);
            if (frame.header.generation == generation)
                return protocol::decodeSnapshotApplied(frame.payload);
        }
    }

    /** Says Hello. @return the worker's Ready */
    protocol::Ready start(const std::string& process,
                          std::vector<protocol::SocketRole> sockets = {}) {
        protocol::Hello hello;
        hello.version = protocol::kProtocolVersion;
        hello.process = process;
        hello.logLevel = LogLevel::Error;
        hello.sockets = std::move(sockets);
        send(protocol::MessageType::Hello, encode(hello));
        return protocol::decodeReady(await(protocol::MessageType::Ready).payload);
    }

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    void signal(int number) { ::kill(pid_, number); }
    void hangUp() { socket_.reset(); }
    /** Waits for the end. @return exit code, or minus the signal that killed it */
    int end() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    [[noreturn]] static void runChild(const worker::WorkerDefinition& definition,
                                      const std::vector<std::string>& arguments, UniqueFd socket) {
        for (const int number : {SIGSYS, SIGSEGV, SIGABRT, SIGTERM, SIGINT, SIGHUP})
            ::signal(number, SIG_DFL);
        ::signal(SIGPIPE, SIG_IGN);
        int code = 99;
        try {
            // Where the cage expects it; whatever of the test's has that number, the child can
            // spare.
            if (socket.get() != worker::kChannelFd)
                ::dup2(socket.get(), worker::kChannelFd);
            else
                static_cast<void>(socket.release());
            socket = worker::adoptChannel();
            std::vector<const char*> argv{"worker"};
            for (const std::string& argument : arguments)
                argv.push_back(argument.c_str());
            protocol::Settings settings;
            settings.parseCommandLine(static_cast<int>(argv.size()), argv.data(),
                                      definition.settingsMask);
            setLogLevel(LogLevel::Error);
            EventLoop loop;
            EventTimerFactory timers{loop};
            worker::WorkerContext context{loop, timers, settings};
            code = static_cast<int>(
                worker::SupervisedRun{definition, context, std::move(socket)}.run());
        } catch (const StartError& error) {
            code = static_cast<int>(error.code());
        } catch (const std::exception& error) {
            logError("worker failed", {{"reason", error.what()}});
        }
        exitNow(code);
        std::abort();
    }

    pid_t pid_ = -1;
    UniqueFd socket_;
    std::vector<std::byte> input_;
};

} // namespace mmsd::test
