// SPDX-License-Identifier: MIT
// Fuzzes the whole API server: clients that send anything, at any time, and leave.
// Each input gets a server of its own: what it does is the same each time, and libFuzzer, who
// searches the memory for leaks after each input that leaves more than it found, need not.
#include "common/event_loop.h"
#include "common/log.h"
#include "common/sys_error.h"
#include "tests/support/fake_timer.h"
#include "workers/api-server/api_server.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace mmsd;
using namespace std::chrono_literals;

constexpr std::size_t kConnectionLimit = 4;

/** Octets that are no text steer the scene; all others are sent by the newest client. */
enum Order : std::uint8_t {
    kTurn = 0xf0,
    kSecond,
    kQuarterMinute,
    kRead,
    kApply,
    kReport,
    kFinish,
    kConnect,
    kLeave,
    kLiteral = 0xff, ///< the next octet is sent, whatever it is
};

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

/** A listener that costs no TCP: an address of its own in the abstract name space (unix(7)). */
class LocalListener {
public:
    LocalListener() : socket_{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
        sockaddr_un any{};
        any.sun_family = AF_UNIX;
        require(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any.sun_family) ==
                0);
        require(::listen(socket_.get(), 64) == 0);
        length_ = sizeof address_;
        require(::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address_), &length_) ==
                0);
    }
    UniqueFd take() { return std::move(socket_); }
    [[nodiscard]] UniqueFd connect() const {
        UniqueFd client{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        const bool isConnected =
            ::connect(client.get(), reinterpret_cast<const sockaddr*>(&address_), length_) == 0;
        return isConnected ? std::move(client) : UniqueFd{};
    }

private:
    UniqueFd socket_;
    sockaddr_un address_{};
    socklen_t length_ = 0;
};

class Scene {
public:
    explicit Scene(EventLoop& loop)
        : loop_{loop}, server_{loop_, timers_, listener_.take(), kConnectionLimit} {
        server_.onProcessStatus({});
        server_.onWorkerStatus("marathon-watcher", {});
        apply();
    }

    void run(const std::uint8_t* data, std::size_t size) {
        connect();
        std::string text;
        for (std::size_t i = 0; i < size; ++i) {
            if (data[i] < kTurn || data[i] == kLiteral) {
                i += data[i] == kLiteral && i + 1 < size ? 1 : 0;
                text += static_cast<char>(data[i]);
                continue;
            }
            send(text);
            obey(data[i]);
        }
        send(text);
        turn();
        read();
        clients_.clear();
        turn();
        timers_.advance(15s); // who lingers is let go
        turn();
        require(metric("http_connections") == 0);
        require(metric("http_held_requests") == 0);
        require(metric("http_event_streams") == 0);
        require(metric("http_answer_octets") < 1e6);
    }

private:
    void obey(std::uint8_t order) {
        switch (order) {
        case kTurn:
            return turn();
        case kSecond:
            return timers_.advance(1s);
        case kQuarterMinute:
            return timers_.advance(15s);
        case kRead:
            return read();
        case kApply:
            return apply();
        case kReport:
            return server_.onWorkerStatus("confd-writer", {});
        case kFinish:
            if (!clients_.empty())
                ::shutdown(clients_.back().get(), SHUT_WR);
            return;
        case kConnect:
            return connect();
        case kLeave:
            if (!clients_.empty())
                clients_.pop_back();
            return;
        default:
            return;
        }
    }

    void connect() {
        if (clients_.size() < 2 * kConnectionLimit)
            if (UniqueFd client = listener_.connect(); client.isDefined())
                clients_.push_back(std::move(client));
        turn();
    }
    void send(std::string& text) {
        if (!clients_.empty() && !text.empty()) [[maybe_unused]]
            const ssize_t sent =
                ::send(clients_.back().get(), text.data(), text.size(), MSG_NOSIGNAL);
        text.clear();
    }
    void turn() {
        for (int i = 0; i < 6; ++i)
            loop_.poll();
        require(metric("http_connections") <= kConnectionLimit);
    }
    void read() {
        std::array<char, 4096> buffer;
        for (const UniqueFd& client : clients_)
            while (::recv(client.get(), buffer.data(), buffer.size(), 0) > 0) {
            }
    }
    void apply() {
        auto snapshot = std::make_shared<protocol::Snapshot>();
        snapshot->generation = ++generation_;
        protocol::App app;
        app.id = "/a";
        app.ports.resize(1 + generation_ % 2);
        snapshot->apps.push_back(std::make_shared<const protocol::App>(std::move(app)));
        bool isDone = false;
        server_.apply(std::move(snapshot), [&](const worker::ApplyOutcome&) { isDone = true; });
        require(isDone);
    }
    [[nodiscard]] double metric(std::string_view name) const {
        for (const protocol::Metric& each : server_.report().metrics)
            if (each.name == name)
                return each.value;
        std::abort();
    }

    EventLoop& loop_;
    test::FakeTimerFactory timers_;
    LocalListener listener_;
    api::ApiServer server_;
    std::uint64_t generation_ = 0;
    std::vector<UniqueFd> clients_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    setLogLevel(LogLevel::Error);
    static EventLoop loop;
    Scene{loop}.run(data, size);
    return 0;
}
