// SPDX-License-Identifier: MIT
// Runs a task to its end on a loop of its own.
#pragma once

#include "common/event_loop.h"
#include "common/timer.h"
#include "workers/haproxy-manager/async.h"

#include <exception>
#include <optional>

namespace mmsd::haproxy::test {

/** A loop with real timers. */
class TaskRunner {
public:
    [[nodiscard]] Reactor reactor() { return {loop_, timers_}; }

    /** The result of the task. @throws what the task throws */
    template <typename T> T run(Task<T> task) {
        std::optional<T> result;
        std::exception_ptr failure;
        Task<> runner = await(std::move(task), result, failure);
        runner.start();
        if (runner.isRunning())
            loop_.run();
        if (failure)
            std::rethrow_exception(failure);
        return std::move(*result);
    }

private:
    template <typename T>
    Task<> await(Task<T> task, std::optional<T>& result, std::exception_ptr& failure) {
        try {
            result.emplace(co_await task);
        } catch (...) {
            failure = std::current_exception();
        }
        loop_.stop();
    }

    EventLoop loop_;
    EventTimerFactory timers_{loop_};
};

} // namespace mmsd::haproxy::test
