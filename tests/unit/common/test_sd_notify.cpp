// SPDX-License-Identifier: MIT
// Tests of SdNotifier.
#include "common/sd_notify.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace std::chrono_literals;
using mmsd::SdNotifier;

namespace {

/** A service manager's end of the socket; @p name as in $NOTIFY_SOCKET. */
class Manager {
public:
    explicit Manager(const std::string& name)
        : socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        if (name[0] == '@')
            address.sun_path[0] = '\0';
        const std::size_t length = offsetof(sockaddr_un, sun_path) + name.size();
        REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                       static_cast<socklen_t>(length)) == 0);
    }

    /** @return the next message, empty if there is none */
    [[nodiscard]] std::string receive() const {
        std::array<char, 256> buffer{};
        const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        return count < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(count));
    }

private:
    mmsd::UniqueFd socket_;
};

SdNotifier notifierFor(const char* socket, const char* watchdog = nullptr,
                       const char* pid = nullptr) {
    const auto set = [](const char* name, const char* value) {
        if (value == nullptr)
            ::unsetenv(name);
        else
            ::setenv(name, value, 1);
    };
    set("NOTIFY_SOCKET", socket);
    set("WATCHDOG_USEC", watchdog);
    set("WATCHDOG_PID", pid);
    return SdNotifier::fromEnvironment();
}

} // namespace

TEST_CASE("sd_notify: reaches a socket in the file system", "[common][sd_notify]") {
    const mmsd::test::TempDir folder;
    const std::string path = folder / "notify";
    const Manager manager{path};
    SdNotifier notifier = notifierFor(path.c_str());
    notifier.notify("READY=1\nSTATUS=ok");
    CHECK(manager.receive() == "READY=1\nSTATUS=ok");
}

TEST_CASE("sd_notify: reaches an abstract socket", "[common][sd_notify]") {
    const std::string name = "@mmsd-test-" + std::to_string(::getpid());
    const Manager manager{name};
    SdNotifier notifier = notifierFor(name.c_str());
    notifier.notify("WATCHDOG=1");
    CHECK(manager.receive() == "WATCHDOG=1");
}

TEST_CASE("sd_notify: can be moved", "[common][sd_notify]") {
    const mmsd::test::TempDir folder;
    const std::string path = folder / "notify";
    const Manager manager{path};
    SdNotifier first = notifierFor(path.c_str());
    SdNotifier second = std::move(first);
    second.notify("STOPPING=1");
    CHECK(manager.receive() == "STOPPING=1");
}

TEST_CASE("sd_notify: does nothing without a usable socket", "[common][sd_notify]") {
    const std::string tooLong = "/" + std::string(200, 'x');
    for (const char* const socket :
         {static_cast<const char*>(nullptr), "", "relative", "vsock:2:1", tooLong.c_str()}) {
        SdNotifier notifier = notifierFor(socket, "5000000");
        CHECK_FALSE(notifier.watchdogInterval());
        notifier.notify("READY=1");
    }
    SdNotifier gone = notifierFor("/nonexistent/socket");
    gone.notify("READY=1");
    SdNotifier{}.notify("READY=1");
}

TEST_CASE("sd_notify: feeds the watchdog at half its limit", "[common][sd_notify]") {
    const std::string self = std::to_string(::getpid());
    CHECK(notifierFor("/x", "5000000").watchdogInterval() == 2500ms);
    CHECK(notifierFor("/x", "5000000", self.c_str()).watchdogInterval() == 2500ms);
    CHECK(notifierFor("/x", "1").watchdogInterval() == 1ms);
    CHECK_FALSE(notifierFor("/x", "5000000", "1").watchdogInterval());
    CHECK_FALSE(notifierFor("/x", "5000000", "x").watchdogInterval());
    for (const char* const bad : {"", "0", "-1", "5s", "99999999999999999999999"})
        CHECK_FALSE(notifierFor("/x", bad).watchdogInterval());
    CHECK_FALSE(notifierFor("/x").watchdogInterval());
}
