// SPDX-License-Identifier: MIT
// What the service manager is told, and what it passes, without libsystemd.
#include "common/sd_notify.h"

#include "common/text.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace mmsd {

namespace {

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

} // namespace

std::vector<std::string> takePassedSockets() {
    const std::string names = variable("LISTEN_FDNAMES");
    const auto count = parseNumber<std::uint8_t>(variable("LISTEN_FDS"));
    const bool areOurs = parseNumber<pid_t>(variable("LISTEN_PID")) == ::getpid();
    for (const char* name : {"LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID"})
        ::unsetenv(name);
    const auto parts = splitList(names, ':');
    std::vector<std::string> passed{parts.begin(), parts.end()};
    passed.resize(areOurs ? count.value_or(0) : 0);
    return passed;
}

SdNotifier SdNotifier::fromEnvironment() {
    SdNotifier notifier;
    const std::string address = variable("NOTIFY_SOCKET");
    const auto limit = parseNumber<std::uint64_t>(variable("WATCHDOG_USEC"));
    const std::string pid = variable("WATCHDOG_PID");

    const bool isSupported = address.starts_with('/') || address.starts_with('@');
    if (!isSupported || address.size() >= sizeof(sockaddr_un::sun_path))
        return notifier;
    notifier.socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    notifier.address_ = address;
    if (limit.value_or(0) > 0 && (pid.empty() || parseNumber<pid_t>(pid) == ::getpid())) {
        const auto half = std::max<std::uint64_t>(*limit / 2000, 1);
        notifier.watchdogInterval_ = std::chrono::milliseconds{half};
    }
    return notifier;
}

void SdNotifier::notify(std::string_view state) noexcept {
    if (!socket_.isDefined())
        return;
    sockaddr_un target{};
    target.sun_family = AF_UNIX;
    std::ranges::copy(address_, std::begin(target.sun_path));
    if (address_.starts_with('@'))
        target.sun_path[0] = '\0';
    const std::size_t length = offsetof(sockaddr_un, sun_path) + address_.size();
    // A manager that does not listen is its own trouble: it will time out and say so.
    (void)::sendto(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&target), static_cast<socklen_t>(length));
}

} // namespace mmsd
