// SPDX-License-Identifier: MIT
// Preloaded into a process: its calls are interrupted and moved fewer octets than asked, at random.
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace {

/** Of 16 calls, so many are interrupted, and so many are cut. */
constexpr unsigned kInterrupted = 3;
constexpr unsigned kCut = 7;
constexpr int kChannelFd = 3;

/** xorshift: the same in every run, and no calls of its own. */
unsigned nextRandom() {
    static std::uint32_t state = 2463534242U;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

bool isInterrupted() {
    if (nextRandom() % 16 >= kInterrupted)
        return false;
    errno = EINTR;
    return true;
}

std::size_t cut(std::size_t size) {
    return size > 1 && nextRandom() % 16 < kCut ? 1 + nextRandom() % (size - 1) : size;
}

/** A function of the C library. Looked up before main(), as a cage may not allow what dlsym() does;
 *  other libraries may need it even earlier. */
template <typename Function> class Real {
public:
    constexpr explicit Real(const char* name) : name_{name} {}
    Function get() {
        if (function_ == nullptr)
            function_ = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name_));
        if (function_ == nullptr)
            std::abort();
        return function_;
    }

private:
    const char* name_;
    Function function_ = nullptr;
};

constinit Real<ssize_t (*)(int, void*, std::size_t)> realRead{"read"};
constinit Real<ssize_t (*)(int, const void*, std::size_t)> realWrite{"write"};
constinit Real<ssize_t (*)(int, void*, std::size_t, int)> realRecv{"recv"};
constinit Real<ssize_t (*)(int, const void*, std::size_t, int)> realSend{"send"};
constinit Real<ssize_t (*)(int, const msghdr*, int)> realSendmsg{"sendmsg"};
constinit Real<int (*)(int, epoll_event*, int, int)> realWait{"epoll_wait"};
constinit Real<int (*)(int, sockaddr*, socklen_t*, int)> realAccept{"accept4"};

[[gnu::constructor]] void findAll() {
    realRead.get();
    realWrite.get();
    realRecv.get();
    realSend.get();
    realSendmsg.get();
    realWait.get();
    realAccept.get();
}

/** Asked before the cage forbids it: only a worker has its channel there. */
const bool hasChannel = [] {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(kChannelFd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}();

} // namespace

extern "C" {

ssize_t read(int fd, void* buffer, std::size_t size) {
    return isInterrupted() ? -1 : realRead.get()(fd, buffer, cut(size));
}

// Not repeated by anybody: a line of the log, which tests read, and the single octet by which
// libevent's signal handler wakes its loop.
ssize_t write(int fd, const void* buffer, std::size_t size) {
    if (fd == STDERR_FILENO || size == 1)
        return realWrite.get()(fd, buffer, size);
    return isInterrupted() ? -1 : realWrite.get()(fd, buffer, cut(size));
}

// Streams are read without flags; datagrams come whole or not at all.
ssize_t recv(int fd, void* buffer, std::size_t size, int flags) {
    return isInterrupted() ? -1 : realRecv.get()(fd, buffer, flags == 0 ? cut(size) : size, flags);
}

ssize_t send(int fd, const void* buffer, std::size_t size, int flags) {
    return isInterrupted() ? -1 : realSend.get()(fd, buffer, size, flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    if (isInterrupted())
        return -1;
    if (fd != kChannelFd || !hasChannel || message->msg_iovlen == 0)
        return realSendmsg.get()(fd, message, flags);
    iovec first = message->msg_iov[0];
    first.iov_len = cut(first.iov_len);
    msghdr shorter = *message;
    shorter.msg_iov = &first;
    shorter.msg_iovlen = 1;
    return realSendmsg.get()(fd, &shorter, flags);
}

int epoll_wait(int fd, epoll_event* events, int count, int timeout) {
    return isInterrupted() ? -1 : realWait.get()(fd, events, count, timeout);
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    return isInterrupted() ? -1 : realAccept.get()(fd, address, size, flags);
}

} // extern "C"
