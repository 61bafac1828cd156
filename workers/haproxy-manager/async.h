// SPDX-License-Identifier: MIT
// Coroutines on the event loop: steps that wait, written one below the other.
#pragma once

#include "common/event_loop.h"
#include "common/io_event.h"
#include "common/timer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace mmsd::haproxy {

/** Where waiting happens; outlives everything that waits. */
struct Reactor {
    EventLoop& loop;
    TimerFactory& timers;
};

template <typename T> class Task;

namespace detail {

/** What Task<T> and Task<void> have in common. */
class PromiseBase {
public:
    [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
    [[nodiscard]] auto final_suspend() const noexcept { return FinalAwaiter{}; }
    void unhandled_exception() noexcept { failure_ = std::current_exception(); }
    void setContinuation(std::coroutine_handle<> next) noexcept { continuation_ = next; }

protected:
    void rethrow() const {
        if (failure_)
            std::rethrow_exception(failure_);
    }

private:
    struct FinalAwaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <typename Promise>
        [[nodiscard]] std::coroutine_handle<>
        await_suspend(std::coroutine_handle<Promise> finished) const noexcept {
            const auto next = finished.promise().continuation_;
            return next ? next : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    std::coroutine_handle<> continuation_;
    std::exception_ptr failure_;
};

template <typename T> class Promise : public PromiseBase {
public:
    [[nodiscard]] Task<T> get_return_object() noexcept;
    void return_value(T value) { value_.emplace(std::move(value)); }
    [[nodiscard]] T take() {
        rethrow();
        return std::move(*value_);
    }

private:
    std::optional<T> value_;
};

template <> class Promise<void> : public PromiseBase {
public:
    [[nodiscard]] Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const { rethrow(); }
};

} // namespace detail

/** A step that may wait. Starts when awaited (or by start()); its destruction cancels it, with
 *  everything that it waits for. */
template <typename T = void> class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;

    Task() noexcept = default;
    explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_{handle} {}
    Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
    Task& operator=(Task&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Task() {
        if (handle_)
            handle_.destroy();
    }

    /** Runs a task that nobody awaits, up to its first wait. */
    void start() { handle_.resume(); }
    [[nodiscard]] bool isRunning() const noexcept { return handle_ && !handle_.done(); }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        handle_.promise().setContinuation(caller);
        return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

template <typename T> Task<T> detail::Promise<T>::get_return_object() noexcept {
    return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}

inline Task<void> detail::Promise<void>::get_return_object() noexcept {
    return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}

/** Something that happened; waits of one task at a time. Remembers one call that nobody awaits. */
class Wakeup {
public:
    /** Runs the waiting task, at once. */
    void set() {
        if (waiter_)
            std::exchange(waiter_, {}).resume();
        else
            isSet_ = true;
    }

    class Awaiter {
    public:
        explicit Awaiter(Wakeup& wakeup) noexcept : wakeup_{wakeup} {}
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        ~Awaiter() { wakeup_.waiter_ = {}; }
        [[nodiscard]] bool await_ready() noexcept { return std::exchange(wakeup_.isSet_, false); }
        void await_suspend(std::coroutine_handle<> waiter) noexcept { wakeup_.waiter_ = waiter; }
        void await_resume() const noexcept {}

    private:
        Wakeup& wakeup_;
    };
    [[nodiscard]] Awaiter operator co_await() noexcept { return Awaiter{*this}; }

private:
    bool isSet_ = false;
    std::coroutine_handle<> waiter_;
};

/** Waits for a time. */
class Pause {
public:
    Pause(Reactor reactor, std::chrono::milliseconds time) : reactor_{reactor}, time_{time} {}
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        timer_ = reactor_.timers.create([waiter] { waiter.resume(); });
        timer_->start(time_);
    }
    void await_resume() const noexcept {}

private:
    Reactor reactor_;
    std::chrono::milliseconds time_;
    std::unique_ptr<Timer> timer_;
};

/** Waits until one of up to two descriptors is ready, or until a point in time.
 *  Yields false when the time was up. */
class FdWait {
public:
    struct Watch {
        int fd = -1; ///< -1 = none
        bool isForWriting = false;
    };

    FdWait(Reactor reactor, std::array<Watch, 2> watches, TimerFactory::TimePoint deadline)
        : reactor_{reactor}, watches_{watches}, deadline_{deadline} {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
        for (std::size_t i = 0; i < watches_.size(); ++i) {
            if (watches_[i].fd < 0)
                continue;
            events_[i].emplace(reactor_.loop, watches_[i].fd,
                               [this, waiter](bool, bool) { resume(waiter, true); });
            events_[i]->watch(!watches_[i].isForWriting, watches_[i].isForWriting);
        }
        timer_ = reactor_.timers.create([this, waiter] { resume(waiter, false); });
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline_ - reactor_.timers.now());
        timer_->start(std::max(left, std::chrono::milliseconds{0}));
    }
    [[nodiscard]] bool await_resume() const noexcept { return isReady_; }

private:
    void resume(std::coroutine_handle<> waiter, bool isReady) {
        isReady_ = isReady;
        for (auto& event : events_)
            if (event)
                event->cancel();
        timer_->stop();
        waiter.resume();
    }

    Reactor reactor_;
    std::array<Watch, 2> watches_;
    TimerFactory::TimePoint deadline_;
    std::array<std::optional<IoEvent>, 2> events_;
    std::unique_ptr<Timer> timer_;
    bool isReady_ = false;
};

} // namespace mmsd::haproxy
