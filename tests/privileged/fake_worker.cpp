// SPDX-License-Identifier: MIT
// Plays any process below the supervisor, well or badly. How: words in the file
// <argv[0]>.behaviour, as the environment is cleaned and the arguments are the supervisor's. What
// it sees goes to stderr.
#include "protocol/checksum.h"
#include "protocol/control_messages.h"
#include "protocol/frame.h"
#include "protocol/limits.h"
#include "protocol/wire_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace mmsd {

namespace {

using protocol::MessageType;

constexpr int kChannelFd = 3;

volatile std::sig_atomic_t isPublishingAsked = 0;

class FakeWorker {
public:
    FakeWorker(const std::string& executable, int argc, char* argv[])
        : arguments_{argv + 1, argv + argc} {
        std::ifstream file{executable + ".behaviour"};
        for (std::string word; file >> word;)
            behaviours_.insert(word);
    }

    int run() {
        if (has("exit-71"))
            return 71;
        if (has("exit-78"))
            return 78;
        if (has("exit-0"))
            return 0;
        if (has("ignore-term"))
            ::signal(SIGTERM, SIG_IGN);
        ::fcntl(kChannelFd, F_SETFL, ::fcntl(kChannelFd, F_GETFL) & ~O_NONBLOCK);
        while (true) {
            if (isPublishingAsked != 0) {
                isPublishingAsked = 0;
                publish();
            }
            const bool isFlooding = has("flood-politely") && name_ != "?";
            pollfd entry{kChannelFd, POLLIN, 0};
            if (::poll(&entry, 1, isFlooding ? 0 : -1) < 0)
                continue; // a signal
            if (isFlooding && entry.revents == 0) {
                send(MessageType::Status, protocol::Payload(100));
                continue;
            }
            std::array<std::byte, 65'536> buffer;
            const ssize_t count = ::read(kChannelFd, buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0) {
                if (has("ignore-eof"))
                    while (true)
                        ::pause();
                return 0;
            }
            input_.insert(input_.end(), buffer.begin(), buffer.begin() + count);
            std::span<const std::byte> rest{input_};
            while (const auto frame = protocol::takeFrame(rest))
                if (const int code = onFrame(*frame); code >= 0)
                    return code;
            input_.erase(input_.begin(), input_.end() - static_cast<std::ptrdiff_t>(rest.size()));
        }
    }

private:
    [[nodiscard]] bool has(const char* behaviour) const { return behaviours_.contains(behaviour); }

    void say(const std::string& text) const {
        const std::string line = "fake " + name_ + ": " + text + '\n';
        [[maybe_unused]] const auto count = ::write(STDERR_FILENO, line.data(), line.size());
    }

    static void sendBytes(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t count = ::write(kChannelFd, bytes.data(), bytes.size());
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                ::_exit(0); // the supervisor is gone
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        }
    }
    static void send(MessageType type, const protocol::Payload& payload,
                     std::uint64_t generation = 0) {
        std::vector<std::byte> frame;
        protocol::appendFrame(frame, type, generation, payload);
        sendBytes(frame);
    }

    /** A transaction with one opaque app: the supervisor must not look into it. */
    void publish() {
        const protocol::Payload app(300, std::byte{0xee});
        protocol::Checksum checksum;
        checksum.update(app);
        ++generation_;
        send(MessageType::SnapshotBegin,
             protocol::encode(protocol::SnapshotBegin{.version = protocol::kProtocolVersion,
                                                      .appCount = 1,
                                                      .payloadBytes = app.size(),
                                                      .cause = {}}),
             generation_);
        send(MessageType::SnapshotApp, app, generation_);
        send(MessageType::SnapshotEnd,
             protocol::encode(protocol::SnapshotEnd{.appCount = 1,
                                                    .payloadBytes = app.size(),
                                                    .checksum = checksum.value() +
                                                                (has("bad-checksum") ? 1 : 0)}),
             generation_);
        say("published " + std::to_string(generation_));
    }

    /** Calls that the supervisor's filter denies to its children, with arguments that give another
     *  error, or none, where nothing denies them. */
    void tryDenied() const {
        const auto report = [this](const char* name, long result) {
            say(std::string{name} + " gives " + (result < 0 ? std::strerror(errno) : "success"));
        };
        report("ptrace", ::syscall(SYS_ptrace, 0 /* PTRACE_TRACEME */, 0, 0, 0));
        report("process_vm_readv", ::syscall(SYS_process_vm_readv, ::getpid(), 0, 0, 0, 0, 0));
        report("kcmp", ::syscall(SYS_kcmp, ::getpid(), ::getpid(), 0 /* KCMP_FILE */, 0, 1));
        report("unshare", ::syscall(SYS_unshare, 0));
        report("io_uring_setup", ::syscall(SYS_io_uring_setup, 1, nullptr));
        report("keyctl", ::syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -1, 0));
        report("add_key", ::syscall(SYS_add_key, nullptr, nullptr, nullptr, 0, -1));
        report("bpf", ::syscall(SYS_bpf, 99, nullptr, 0));
        report("fsopen", ::syscall(SYS_fsopen, nullptr, 0));
        report("adjtimex", ::syscall(SYS_adjtimex, nullptr));
    }

    /** A process that outlives this one a little, and has nobody to wait for it then. */
    void leaveOrphan() const {
        if (::fork() != 0)
            return;
        ::close(kChannelFd);
        while (::getppid() != 1)
            ::usleep(10'000);
        say("orphan ends");
        ::_exit(3);
    }

    /** One breach of the protocol each; what it answers to afterwards does not matter. */
    void misbehave() {
        using namespace protocol;
        const auto header = [](std::uint32_t length, std::uint16_t type, std::uint16_t flags) {
            WireWriter out;
            out.u32(length);
            out.u16(type);
            out.u16(flags);
            out.u64(0);
            return out.take();
        };
        const auto status = static_cast<std::uint16_t>(MessageType::Status);
        const Ready ready{.version = kProtocolVersion};
        if (has("speak-out-of-turn"))
            send(MessageType::Hello, {});
        if (has("garbage"))
            sendBytes(Payload(64, std::byte{0xff}));
        if (has("unknown-type"))
            sendBytes(header(0, 4711, 0));
        if (has("flags"))
            sendBytes(header(0, status, 1));
        if (has("long-frame"))
            sendBytes(header(0x7fffffff, status, 0));
        if (has("half-frame")) {
            sendBytes(header(1000, status, 0));
            while (true)
                ::pause();
        }
        if (has("half-frame-and-end")) {
            sendBytes(header(1000, status, 0));
            ::_exit(0);
        }
        if (has("half-header-and-end")) {
            sendBytes(Payload(7));
            ::_exit(0);
        }
        if (has("ready-again"))
            send(MessageType::Ready, encode(ready));
        if (has("pong-unasked"))
            send(MessageType::Pong, encodeToken(1));
        if (has("short-pong"))
            send(MessageType::Pong, Payload(3));
        if (has("control-with-generation"))
            send(MessageType::Status, {}, 1);
        if (has("applied-what-was-not-sent"))
            send(MessageType::SnapshotApplied, encode(SnapshotApplied{.text = ""}), 4711);
        if (has("publish-as-worker") || has("publish-without-begin"))
            send(MessageType::SnapshotEnd, encode(SnapshotEnd{}), 4712);
        if (has("replay")) {
            generation_ -= 2;
            publish();
        }
        if (has("other-state-again")) {
            send(MessageType::SnapshotBegin,
                 encode(SnapshotBegin{.version = kProtocolVersion, .cause = {}}), generation_);
            send(MessageType::SnapshotEnd, encode(SnapshotEnd{.state = {.checksum = 1}}),
                 generation_);
        }
        if (has("change-of-another-state"))
            send(MessageType::SnapshotBegin,
                 encode(SnapshotBegin{
                     .version = kProtocolVersion, .base = generation_ + 7, .cause = {}}),
                 generation_ + 8);
        if (has("endless-changes")) {
            // The supervisor keeps each until a whole state comes, which never does.
            while (true) {
                const auto base = generation_++;
                send(MessageType::SnapshotBegin,
                     encode(SnapshotBegin{.version = kProtocolVersion, .base = base, .cause = {}}),
                     generation_);
                send(MessageType::SnapshotEnd, encode(SnapshotEnd{}), generation_);
            }
        }
        if (has("jump"))
            send(MessageType::SnapshotBegin,
                 encode(SnapshotBegin{.version = kProtocolVersion, .cause = {}}),
                 ~std::uint64_t{0});
        if (has("too-few") || has("too-many")) {
            const SnapshotBegin begin{
                .version = kProtocolVersion, .appCount = has("too-few") ? 2U : 0U, .cause = {}};
            send(MessageType::SnapshotBegin, encode(begin), ++generation_);
            if (has("too-many"))
                send(MessageType::SnapshotApp, Payload(10), generation_);
            send(MessageType::SnapshotEnd, encode(SnapshotEnd{.appCount = 2}), generation_);
        }
        if (has("endless-snapshot")) {
            const SnapshotBegin begin{.version = kProtocolVersion,
                                      .appCount = 1,
                                      .payloadBytes = kMaxSnapshotBytes,
                                      .cause = {}};
            send(MessageType::SnapshotBegin, encode(begin), ++generation_);
            send(MessageType::SnapshotApp, Payload(10), generation_);
            while (true)
                send(MessageType::SnapshotInstances, Payload(60'000), generation_);
        }
    }

    void onHello(const protocol::Hello& hello) {
        name_ = hello.process;
        generation_ = hello.lastGeneration;
        std::string text = "hello level=" + std::to_string(static_cast<int>(hello.logLevel)) +
                           " last=" + std::to_string(hello.lastGeneration);
        for (const auto& [fd, role] : hello.sockets)
            text += " " + std::to_string(fd) + "=" + role;
        for (const std::string& argument : arguments_)
            text += " " + argument;
        say(text);
        if (has("no-ready"))
            return;
        send(MessageType::Ready,
             protocol::encode(protocol::Ready{.version = protocol::kProtocolVersion +
                                                         (has("other-version") ? 1 : 0)}));
        if (name_ != "marathon-watcher")
            return;
        if (!has("no-snapshot"))
            publish();
        const bool isUnreachable = has("unreachable");
        if (!has("no-source"))
            send(MessageType::SourceStatus,
                 protocol::encode(protocol::SourceStatus{
                     .state = isUnreachable ? protocol::SourceState::Unreachable
                                            : protocol::SourceState::Connected,
                     .text = isUnreachable ? "nobody there" : "http://fake:8080"}));
    }

    /** @return exit code, -1 to go on */
    int onFrame(const protocol::FrameView& frame) {
        switch (frame.header.type) {
        case MessageType::Hello:
            onHello(protocol::decodeHello(frame.payload));
            if (has("report"))
                send(MessageType::Status,
                     protocol::encode(protocol::StatusReport{
                         .metrics = {{.name = "fake_runs_total", .labels = {}, .value = 1}},
                         .refusals = {}}));
            if (has("flood-status"))
                while (true)
                    send(MessageType::Status, protocol::Payload(60'000));
            misbehave();
            if (has("try-denied"))
                tryDenied();
            if (has("try-x32"))
                ::syscall(0x40000000 + SYS_getpid);
            if (has("leave-orphan"))
                leaveOrphan();
            return has("exit-0-after-ready") ? 0 : has("exit-71-after-ready") ? 71 : -1;
        case MessageType::Ping:
            if (has("hang"))
                while (true)
                    ::pause();
            send(MessageType::Pong, {frame.payload.begin(), frame.payload.end()});
            return -1;
        case MessageType::SnapshotEnd:
            if (frame.header.generation != target_)
                return -1; // on the way there
            say("snapshot " + std::to_string(frame.header.generation));
            if (!has("no-acknowledgement"))
                send(MessageType::SnapshotApplied,
                     protocol::encode(protocol::SnapshotApplied{
                         .result = has("reject") ? protocol::ApplyResult::Rejected
                                                 : protocol::ApplyResult::Applied,
                         .text = has("reject") ? "do not like it" : ""}),
                     frame.header.generation);
            return -1;
        case MessageType::SnapshotTarget:
            target_ = frame.header.generation;
            return -1;
        case MessageType::SnapshotBegin:
        case MessageType::SnapshotApp:
        case MessageType::SnapshotInstances:
        case MessageType::SnapshotRemoved:
            return -1;
        case MessageType::SetLogLevel:
            say("level=" +
                std::to_string(static_cast<int>(protocol::decodeLogLevel(frame.payload))));
            return -1;
        case MessageType::Status: {
            const auto [process, report] = protocol::unwrapStatus(frame.payload);
            say("status of " + process + " has " + std::to_string(report.size()) + " octets");
            return -1;
        }
        case MessageType::ProcessStatus: {
            std::string text = "processes";
            for (const auto& process : protocol::decodeProcessStatus(frame.payload).processes)
                text += " " + process.name + "=" + std::string{toString(process.phase)} + "/" +
                        std::to_string(process.generation) + "/" + std::to_string(process.restarts);
            say(text);
            return -1;
        }
        case MessageType::Shutdown:
            say("shutdown");
            return has("ignore-term") ? -1 : 0;
        default:
            say(std::string{toString(frame.header.type)});
            return -1;
        }
    }

    std::string name_ = "?";
    std::vector<std::string> arguments_;
    std::set<std::string, std::less<>> behaviours_;
    std::vector<std::byte> input_;
    std::uint64_t generation_ = 0; ///< last one published
    std::uint64_t target_ = 0;
};

void installSignals() {
    struct sigaction action {};
    action.sa_handler = [](int) { ::_exit(0); };
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
    action.sa_handler = [](int) { isPublishingAsked = 1; };
    ::sigaction(SIGUSR1, &action, nullptr);
}

} // namespace

} // namespace mmsd

int main(int argc, char* argv[]) {
    mmsd::installSignals();
    return mmsd::FakeWorker{argv[0], argc, argv}.run();
}
