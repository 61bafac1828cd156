// SPDX-License-Identifier: MIT
// runInChild: a function in a process of its own, for what cannot be undone.
#pragma once

#include "build_config.h"
#include "common/sys_error.h"
#include "common/unique_fd.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <functional>
#include <string>

namespace mmsd::test {

/** How a child ended, and what it wrote to stderr. */
struct ChildResult {
    int status = 0;
    std::string errorText;

    [[nodiscard]] bool hasExited(int code) const {
        return WIFEXITED(status) && WEXITSTATUS(status) == code;
    }
    [[nodiscard]] bool wasKilledBy(int signal) const {
        return WIFSIGNALED(status) && WTERMSIG(status) == signal;
    }
};

/** Ends a child at once. Not _exit: sanitizers wrap it, with calls that no filter allows. */
inline void exitNow(int code) {
    ::syscall(SYS_exit_group, code);
}

/** Runs @p body in a forked child, which exits with 0 after it, or with 99 if it throws. */
inline ChildResult runInChild(const std::function<void()>& body) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0)
        throwErrno("pipe");
    const UniqueFd readEnd{ends[0]};
    UniqueFd writeEnd{ends[1]};

    const pid_t pid = ::fork();
    if (pid < 0)
        throwErrno("fork");
    if (pid == 0) {
        // Catch2 catches fatal signals; a child must die of them.
        for (const int signal : {SIGSYS, SIGSEGV, SIGABRT, SIGTERM})
            ::signal(signal, SIG_DFL);
        ::dup2(writeEnd.get(), STDERR_FILENO);
        try {
            body();
            exitNow(0);
        } catch (const std::exception& error) {
            const std::string text = error.what();
            [[maybe_unused]] const auto count = ::write(STDERR_FILENO, text.data(), text.size());
            exitNow(99);
        }
    }

    writeEnd.reset();
    ChildResult result;
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::read(readEnd.get(), buffer.data(), buffer.size())) > 0;)
        result.errorText.append(buffer.data(), static_cast<std::size_t>(count));
    if (::waitpid(pid, &result.status, 0) != pid)
        throwErrno("waitpid");
    return result;
}

/** Exit status of a child that ends with errno, where a denylist answered its call with EPERM. */
#if defined(MMSD_SANDBOX_TRAP)
constexpr int kDeniedStatus = 128 + SIGSYS;
#else
constexpr int kDeniedStatus = EPERM;
#endif

/** True if the child ended as a forbidden call ends, by the build option `sandbox`. */
inline bool isForbidden(const ChildResult& child) {
#if defined(MMSD_SANDBOX_TRAP)
    return child.hasExited(128 + SIGSYS);
#elif defined(MMSD_SANDBOX_LOG)
    return child.hasExited(0);
#else
    return child.wasKilledBy(SIGSYS);
#endif
}

} // namespace mmsd::test
