// SPDX-License-Identifier: MIT
// Preloaded into a process: its wall clock is off by the seconds that a file says.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

using GetTime = int (*)(clockid_t, timespec*);

// Both before main(): later there is a cage.
const auto realGetTime = reinterpret_cast<GetTime>(::dlsym(RTLD_NEXT, "clock_gettime"));
const volatile std::int64_t* const offset = [] {
    const char* const path = std::getenv("MMSD_CLOCK_OFFSET");
    const int fd = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
    void* const page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (realGetTime == nullptr || page == MAP_FAILED)
        std::abort();
    ::close(fd);
    return static_cast<const volatile std::int64_t*>(page);
}();

} // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
    // Other libraries ask before this one is ready.
    const GetTime get = realGetTime != nullptr
                            ? realGetTime
                            : reinterpret_cast<GetTime>(::dlsym(RTLD_NEXT, "clock_gettime"));
    const int result = get(clock, now);
    const bool isWallClock = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    if (result == 0 && isWallClock && offset != nullptr)
        now->tv_sec += *offset;
    return result;
}

int gettimeofday(timeval* now, void*) noexcept {
    timespec precise{};
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0)
        return -1;
    *now = {precise.tv_sec, precise.tv_nsec / 1000};
    return 0;
}

time_t time(time_t* result) noexcept {
    timespec now{};
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (result != nullptr)
        *result = now.tv_sec;
    return now.tv_sec;
}

} // extern "C"
