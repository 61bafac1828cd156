// SPDX-License-Identifier: MIT
// HaproxyProcess: one running HAProxy, started by this process or taken over.
#pragma once

#include "common/io_event.h"
#include "common/unique_fd.h"
#include "workers/haproxy-manager/async.h"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace mmsd::haproxy {

/** Owns the descriptors of one process, never the process: it outlives its manager. Reads and logs
 *  what it prints, and notices its end, child or not. */
class HaproxyProcess {
public:
    /** @param how "exit status 0", "signal 11", "gone" (of a process that was taken over) */
    using OnExit = std::function<void(HaproxyProcess& process, const std::string& how)>;

    /** @param output may be undefined */
    HaproxyProcess(Reactor reactor, std::uint64_t generation, pid_t pid, UniqueFd pidFd,
                   UniqueFd output, OnExit onExit);

    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] const UniqueFd& pidFd() const noexcept { return pidFd_; }
    [[nodiscard]] bool isAlive() const noexcept { return isAlive_; }
    /** How it ended. */
    [[nodiscard]] const std::string& how() const noexcept { return how_; }

    void signal(int number) noexcept;

    /** From here on its lines are logged instead of kept. */
    void becomeReady();
    /** What it printed before it was ready. */
    [[nodiscard]] const std::string& startOutput() const noexcept { return startOutput_; }

private:
    void onExit();
    /** @return false if there is nothing more now */
    bool readOutput();
    void logLines();

    Reactor reactor_;
    std::uint64_t generation_;
    pid_t pid_;
    UniqueFd pidFd_;
    UniqueFd output_;
    OnExit onExit_;
    bool isAlive_ = true;
    bool isReady_ = false;
    std::string how_;
    std::string startOutput_;
    std::string line_; ///< an unfinished one
    TimerFactory::TimePoint lineWindow_{};
    unsigned linesInWindow_ = 0;
    std::uint64_t suppressedLines_ = 0;
    IoEvent exitEvent_;
    std::optional<IoEvent> outputEvent_;
};

} // namespace mmsd::haproxy
