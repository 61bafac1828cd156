// SPDX-License-Identifier: MIT
// What a process of ours seldom does, and what its C library does for it: no cage may be in the
// way.
#pragma once

#include "tests/support/catch.h"
#include "tests/unit/common/child_process.h"

#include <malloc.h>
#include <sys/random.h>
#include <sys/time.h>

#include <cassert>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" [[noreturn]] void __stack_chk_fail();

namespace mmsd::test {

/** Memory that grows, moves, shrinks and goes back to the kernel. */
inline void churnMemory() {
    constexpr std::size_t kLarge = std::size_t{8} << 20;
    void* block = std::malloc(kLarge);
    for (std::size_t factor = 2; factor < 16; factor *= 2) // by mremap(2)
        if (void* const larger = std::realloc(block, factor * kLarge); larger != nullptr)
            block = larger;
    std::free(block);
    std::vector<std::unique_ptr<std::string>> many;
    for (std::size_t i = 0; i < 100'000; ++i)
        many.push_back(std::make_unique<std::string>(1 + i % 2'000, 'x'));
    many.clear();
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
    std::free(std::aligned_alloc(4'096, 4'096 * 100));
}

/** Where the vDSO cannot tell the time, the C library asks the kernel. */
inline void tellTime() {
    timespec now{};
    for (const clockid_t clock : {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE})
        ::syscall(SYS_clock_gettime, clock, &now);
    timeval wall{};
    ::syscall(SYS_gettimeofday, &wall, nullptr);
#if defined(SYS_time)
    ::syscall(SYS_time, nullptr);
#endif
}

inline void takeChances() {
    unsigned number = std::random_device{}();
    if (::getrandom(&number, sizeof number, 0) != sizeof number)
        exitNow(1);
}

/** As after SIGSTOP and SIGCONT, which some waits go on after by this call. */
inline void resume() {
    ::syscall(SYS_restart_syscall);
}

/** @param runCaged runs its argument in a child, inside the cage */
template <class RunCaged> void checkRareCalls(const RunCaged& runCaged) {
    struct Rare {
        const char* name;
        void (*call)();
    };
    for (const Rare& each : {Rare{"memory", churnMemory}, Rare{"time", tellTime},
                             Rare{"random numbers", takeChances}, Rare{"resuming", resume}}) {
        CAPTURE(each.name);
        const ChildResult child = runCaged(each.call);
        CAPTURE(child.errorText);
        CHECK(child.hasExited(0));
    }
    // Ends that a bug leads to: they must look like one, not like an attack.
    for (const Rare& each :
         {Rare{"abort", [] { std::abort(); }},
          Rare{"assertion", [] { __assert_fail("an assertion", "file", 1, "function"); }},
          Rare{"exception", []() noexcept { std::vector<int>{}.at(1) = 0; }},
          Rare{"overwritten stack", [] { __stack_chk_fail(); }}}) {
        CAPTURE(each.name);
        const ChildResult child = runCaged(each.call);
        CAPTURE(child.errorText);
        CHECK(child.wasKilledBy(SIGABRT));
    }
}

} // namespace mmsd::test
