// SPDX-License-Identifier: MIT
// HaproxyProcess: one running HAProxy, started by this process or taken over.
#include "workers/haproxy-manager/haproxy_process.h"

#include "common/log.h"
#include "workers/haproxy-manager/child_process.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kStartOutputLimit = 64u << 10;
constexpr std::size_t kLineLimit = 4u << 10;
/** Thousands of servers may go down at once; the log need not name them all. */
constexpr unsigned kLinesPerWindow = 20;
constexpr auto kLineWindow = 1s;

/** "[WARNING]  (1234) : text" → level and text. */
std::pair<LogLevel, std::string_view> classify(std::string_view line) noexcept {
    const std::size_t start = line.find(") : ");
    const std::string_view text = start == std::string_view::npos ? line : line.substr(start + 4);
    if (line.starts_with("[ALERT]"))
        return {LogLevel::Warning, text};
    // Lines of "CLI" repeat what this manager told it to do.
    const bool isNews = line.starts_with("[WARNING]") && !text.starts_with("CLI : ");
    return {isNews ? LogLevel::Info : LogLevel::Debug, text};
}

} // namespace

HaproxyProcess::HaproxyProcess(Reactor reactor, std::uint64_t generation, pid_t pid, UniqueFd pidFd,
                               UniqueFd output, OnExit onExit)
    : reactor_{reactor}, generation_{generation}, pid_{pid}, pidFd_{std::move(pidFd)},
      output_{std::move(output)}, onExit_{std::move(onExit)}, exitEvent_{reactor.loop, pidFd_.get(),
                                                                         [this](bool, bool) {
                                                                             this->onExit();
                                                                         }} {
    exitEvent_.watch(true, false);
    if (!output_.isDefined())
        return;
    outputEvent_.emplace(reactor.loop, output_.get(), [this](bool, bool) { readOutput(); });
    outputEvent_->watch(true, false);
}

void HaproxyProcess::signal(int number) noexcept {
    if (isAlive_)
        signalProcess(pidFd_, number);
}

void HaproxyProcess::becomeReady() {
    isReady_ = true;
    line_ = startOutput_;
    logLines();
}

void HaproxyProcess::onExit() {
    exitEvent_.cancel();
    while (readOutput()) {
    }
    isAlive_ = false;
    how_ = reap(pidFd_);
    onExit_(*this, how_); // may destroy this object
}

bool HaproxyProcess::readOutput() {
    if (!outputEvent_)
        return false;
    char buffer[16'384];
    const ssize_t count = ::read(output_.get(), buffer, sizeof buffer);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (count <= 0) {
        outputEvent_->cancel();
        return false;
    }
    const std::string_view text{buffer, static_cast<std::size_t>(count)};
    if (isReady_) {
        line_ += text;
        logLines();
    } else {
        startOutput_.append(
            text.substr(0, kStartOutputLimit - std::min(kStartOutputLimit, startOutput_.size())));
    }
    return true;
}

void HaproxyProcess::logLines() {
    const auto now = reactor_.timers.now();
    if (now - lineWindow_ >= kLineWindow) {
        if (suppressedLines_ != 0)
            logInfo("haproxy said more", {{"pid", pid_}, {"lines", suppressedLines_}});
        lineWindow_ = now;
        linesInWindow_ = 0;
        suppressedLines_ = 0;
    }
    std::string_view rest = line_;
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        const auto [level, text] = classify(rest.substr(0, end));
        if (level <= logLevel() && ++linesInWindow_ > kLinesPerWindow)
            ++suppressedLines_;
        else
            log(level, "haproxy says", {{"pid", pid_}, {"text", text}});
        rest.remove_prefix(end + 1);
    }
    if (rest.size() > kLineLimit)
        rest = {};
    line_.erase(0, line_.size() - rest.size());
}

} // namespace mmsd::haproxy
