// SPDX-License-Identifier: MIT
// FakeTimerFactory: timers that run when a test says so.
#include "tests/support/fake_timer.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace mmsd::test {

class FakeTimerFactory::FakeTimer final : public Timer {
public:
    FakeTimer(FakeTimerFactory& factory, std::function<void()> onFire)
        : factory_{factory}, onFire_{std::move(onFire)} {
        factory_.timers_.push_back(this);
    }
    ~FakeTimer() override { std::erase(factory_.timers_, this); }
    FakeTimer(const FakeTimer&) = delete;
    FakeTimer& operator=(const FakeTimer&) = delete;

    void start(std::chrono::milliseconds delay) override {
        due_ = factory_.now_ + std::max(delay, std::chrono::milliseconds::zero());
        startNumber_ = ++factory_.starts_;
        isActive_ = true;
    }
    void stop() noexcept override { isActive_ = false; }
    [[nodiscard]] bool isActive() const noexcept override { return isActive_; }

    [[nodiscard]] TimePoint due() const noexcept { return due_; }
    [[nodiscard]] auto order() const noexcept { return std::tuple{due_, startNumber_}; }

    void fire() {
        isActive_ = false;
        const std::function<void()> onFire = onFire_; // the callback may destroy its timer
        onFire();
    }

private:
    FakeTimerFactory& factory_;
    std::function<void()> onFire_;
    TimePoint due_{};
    std::uint64_t startNumber_ = 0;
    bool isActive_ = false;
};

std::unique_ptr<Timer> FakeTimerFactory::create(std::function<void()> onFire) {
    return std::make_unique<FakeTimer>(*this, std::move(onFire));
}

void FakeTimerFactory::advance(std::chrono::milliseconds delta) {
    constexpr int kCallbackLimit = 1'000'000;

    const TimePoint target = now_ + delta;
    for (int count = 0; FakeTimer* const timer = next(); ++count) {
        if (timer->due() > target)
            break;
        if (count == kCallbackLimit)
            throw std::runtime_error{"FakeTimerFactory: timers restart one another for ever"};
        now_ = std::max(now_, timer->due());
        timer->fire();
    }
    now_ = std::max(now_, target);
}

bool FakeTimerFactory::fireNext() {
    FakeTimer* const timer = next();
    if (timer == nullptr)
        return false;
    now_ = std::max(now_, timer->due());
    timer->fire();
    return true;
}

std::size_t FakeTimerFactory::activeCount() const noexcept {
    const auto count = std::ranges::count_if(timers_, &FakeTimer::isActive);
    return static_cast<std::size_t>(count);
}

std::optional<std::chrono::milliseconds> FakeTimerFactory::nextDelay() const noexcept {
    const FakeTimer* const timer = next();
    if (timer == nullptr)
        return std::nullopt;
    const auto delay = std::chrono::ceil<std::chrono::milliseconds>(timer->due() - now_);
    return std::max(delay, std::chrono::milliseconds::zero());
}

FakeTimerFactory::FakeTimer* FakeTimerFactory::next() const noexcept {
    FakeTimer* first = nullptr;
    for (FakeTimer* const timer : timers_) {
        if (timer->isActive() && (first == nullptr || timer->order() < first->order()))
            first = timer;
    }
    return first;
}

} // namespace mmsd::test
