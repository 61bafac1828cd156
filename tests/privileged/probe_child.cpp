// SPDX-License-Identifier: MIT
// A child of the launcher that tells what it was given: "Key:\tvalue" lines on the channel.
// Usage: probe_child [stay]   (stay: report, then wait for a signal whatever the channel does)
#include <dirent.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int kChannelFd = 3;

std::string linkTarget(const std::string& path) {
    char target[PATH_MAX];
    const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
    return length < 0 ? "?" : std::string{target, static_cast<std::size_t>(length)};
}

std::string readStatus() {
    std::string text;
    std::FILE* file = std::fopen("/proc/self/status", "re");
    if (file == nullptr)
        return text;
    char line[4096];
    while (std::fgets(line, sizeof line, file) != nullptr)
        text += line;
    std::fclose(file);
    return text;
}

/** Numbers of all open descriptors; taken first, before anything else is opened. */
std::vector<int> openDescriptors() {
    std::vector<int> numbers;
    DIR* folder = ::opendir("/proc/self/fd");
    if (folder == nullptr)
        return numbers;
    while (const dirent* entry = ::readdir(folder)) {
        const int number = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && number != ::dirfd(folder))
            numbers.push_back(number);
    }
    ::closedir(folder);
    return numbers;
}

int boundPort(int fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
        address.sin_family != AF_INET)
        return 0;
    return ntohs(address.sin_port);
}

/** Tries what only CAP_NET_BIND_SERVICE allows. */
bool canBindLowPort() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool isBound = false;
    // Any will do: some may be in use.
    for (std::uint16_t port = 601; port < 640 && !isBound; ++port) {
        address.sin_port = htons(port);
        isBound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ::close(fd);
    return isBound;
}

std::string report(int argc, char* argv[]) {
    const std::vector<int> descriptors = openDescriptors();
    int deathSignal = 0;
    ::prctl(PR_GET_PDEATHSIG, &deathSignal);
    rlimit core{};
    ::getrlimit(RLIMIT_CORE, &core);

    std::string text = readStatus();
    const auto add = [&text](const std::string& key, const std::string& value) {
        text += key + ":\t" + value + '\n';
    };
    for (const int fd : descriptors) {
        add("fd" + std::to_string(fd), linkTarget("/proc/self/fd/" + std::to_string(fd)));
        if (const int port = boundPort(fd); port != 0)
            add("port" + std::to_string(fd), std::to_string(port));
    }
    add("fds", std::to_string(descriptors.size()));
    add("cwd", linkTarget("/proc/self/cwd"));
    add("sid", std::to_string(::getsid(0)));
    add("deathSignal", std::to_string(deathSignal));
    add("coreLimit", std::to_string(core.rlim_max));
    add("canBindLowPort", canBindLowPort() ? "1" : "0");
    for (int i = 0; i < argc; ++i)
        add("arg" + std::to_string(i), argv[i]);
    for (char** variable = environ; *variable != nullptr; ++variable)
        add("env", *variable);
    return text;
}

} // namespace

int main(int argc, char* argv[]) {
    const std::string text = report(argc, argv);
    for (std::string_view rest = text; !rest.empty();) {
        const ssize_t count = ::write(kChannelFd, rest.data(), rest.size());
        if (count <= 0)
            return EXIT_FAILURE;
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
    ::shutdown(kChannelFd, SHUT_WR);
    if (argc > 1 && std::string_view{argv[1]} == "stay")
        ::pause();
    return EXIT_SUCCESS;
}
