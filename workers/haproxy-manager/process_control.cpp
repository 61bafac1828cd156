// SPDX-License-Identifier: MIT
// ProcessControl: which HAProxy serves, which ones finish their connections, and the hand-over
// between them.
#include "workers/haproxy-manager/process_control.h"

#include "common/file_io.h"
#include "common/log.h"
#include "common/sys_error.h"
#include "workers/haproxy-manager/child_process.h"
#include "workers/haproxy-manager/config_files.h"
#include "workers/haproxy-manager/patience.h"
#include "workers/haproxy-manager/runtime_session.h"

#include <algorithm>
#include <csignal>
#include <functional>
#include <iterator>
#include <utility>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kAnswerLimit = 2s;
/** For the first answer of all, which follows the binding of the socket. */
constexpr std::chrono::milliseconds kFirstAnswerLimit = 60s;
/** How long to wait before a process is asked again whether it is ready. */
constexpr auto kReadinessInterval = 5ms;
/** A start that lasts long is asked less often: this part of what it has taken so far. */
constexpr int kReadinessShare = 50;
/** Each keeps its memory until its last connection ends. */
constexpr std::size_t kMostDraining = 5;

/** Ends a process whose start is given up, so that it never serves beside another. */
class StartGuard {
public:
    StartGuard(const std::unique_ptr<HaproxyProcess>& process, const bool& isLeft)
        : process_{process}, isLeft_{isLeft} {}
    ~StartGuard() {
        if (process_ && !isLeft_)
            process_->signal(SIGKILL);
    }
    StartGuard(const StartGuard&) = delete;
    StartGuard& operator=(const StartGuard&) = delete;

private:
    const std::unique_ptr<HaproxyProcess>& process_;
    const bool& isLeft_;
};

} // namespace

ProcessControl::ProcessControl(Reactor reactor, const ConfigStore& store, std::string binary,
                               std::function<void(const std::string&)> onCurrentDied)
    : reactor_{reactor}, store_{store}, binary_{std::move(binary)}, onCurrentDied_{
                                                                        std::move(onCurrentDied)} {}

std::unique_ptr<HaproxyProcess> ProcessControl::wrap(std::uint64_t generation, pid_t pid,
                                                     UniqueFd pidFd, UniqueFd output) {
    return std::make_unique<HaproxyProcess>(
        reactor_, generation, pid, std::move(pidFd), std::move(output),
        [this](HaproxyProcess& process, const std::string& how) { onExit(process, how); });
}

Task<> ProcessControl::adopt(bool awaitsStarting) {
    if (awaitsStarting)
        co_await awaitStarting();
    const std::vector<std::uint64_t> generations = store_.generations();
    if (!generations.empty())
        lastGeneration_ = generations.front();
    for (const std::uint64_t generation : generations)
        co_await adoptSocket(generation);
    adoptStrays();
    if (current_) {
        logInfo("took over a running HAProxy",
                {{"pid", current_->pid()}, {"generation", current_->generation()}});
        endStrays();
    }
}

/** Between its first instruction and its first answer a process can neither be asked nor signalled:
 *  it has no handlers yet, and its socket is not there. */
Task<> ProcessControl::awaitStarting() {
    std::vector<Orphan> orphans = findOrphans(store_.root());
    std::ranges::sort(orphans, std::greater<>{}, &Orphan::generation);
    for (const Orphan orphan : orphans) {
        // Those that finish their connections have no files any more, and a successor.
        const bool isAnswering =
            store_.hasFiles(orphan.generation) && co_await awaitFirstAnswer(orphan);
        if (isAnswering)
            co_return;
    }
}

/** @return false if it ended, or is not about to answer for the first time */
Task<bool> ProcessControl::awaitFirstAnswer(Orphan orphan) {
    constexpr std::size_t kListLimit = 64u << 20;
    constexpr auto kInterval = 20ms;
    const std::string path = store_.socketPath(orphan.generation);
    Patience patience{reactor_.timers.now()};
    // One that has served already should answer at once.
    const auto limit = store_.isCurrent(orphan.generation) ? kAnswerLimit : kFirstAnswerLimit;
    try {
        const UniqueFd pidFd = openProcess(orphan.pid);
        while (!isSocketBound(readFile("/proc/net/unix", kListLimit), path, orphan.pid)) {
            const std::array<FdWait::Watch, 2> watches{{{pidFd.get()}, {}}};
            const auto until = reactor_.timers.now() + kInterval;
            const bool hasEnded = co_await FdWait{reactor_, watches, until};
            if (hasEnded || patience.isOver(reactor_.timers.now(), cpuTime(orphan.pid)))
                co_return false;
        }
        const auto info = co_await askForInfo(reactor_, path, limit);
        co_return info && info->pid == static_cast<std::uint32_t>(orphan.pid);
    } catch (const SysError&) {
        co_return false; // it ended meanwhile
    }
}

Task<> ProcessControl::adoptSocket(std::uint64_t generation) {
    std::unique_ptr<HaproxyProcess> found;
    std::optional<ProcessInfo> info;
    try {
        RuntimeSession session{reactor_, store_.socketPath(generation), kAnswerLimit};
        // The listener is known once connected; a process that hangs fails the first question.
        std::exception_ptr failure;
        try {
            co_await session.open();
        } catch (const RuntimeError&) {
            failure = std::current_exception();
        }
        const pid_t pid = session.peer();
        found = wrap(generation, pid, openProcess(pid), {});
        if (failure)
            std::rethrow_exception(failure);
        const std::string reply = co_await session.ask("show info");
        info = parseInfo(reply);
    } catch (const RuntimeError& error) {
        logWarning("a HAProxy does not answer",
                   {{"generation", generation}, {"reason", error.what()}});
    } catch (const SysError&) {
        // Nobody listens there any more.
        store_.removeSocket(generation);
    }
    if (!found)
        co_return;
    if (!info || info->pid != static_cast<std::uint32_t>(found->pid())) {
        hung_.push_back(std::move(found));
    } else if (info->isStopping) {
        addDraining(std::move(found));
    } else if (current_) {
        found->signal(SIGUSR1);
        addDraining(std::move(found));
    } else {
        current_ = std::move(found);
        current_->becomeReady();
    }
}

void ProcessControl::adoptStrays() {
    for (const auto [pid, generation] : findOrphans(store_.root())) {
        if (isKnown(pid))
            continue;
        try {
            strays_.push_back(wrap(generation, pid, openProcess(pid), {}));
            logWarning("a HAProxy without its socket", {{"pid", pid}});
        } catch (const SysError&) {
            // It ended meanwhile.
        }
    }
}

bool ProcessControl::isKnown(pid_t pid) const noexcept {
    const auto is = [pid](const auto& process) { return process && process->pid() == pid; };
    if (is(current_))
        return true;
    for (const auto* const list : {&draining_, &hung_, &strays_})
        for (const auto& process : *list)
            if (is(process))
                return true;
    return false;
}

Task<StartResult> ProcessControl::start(std::uint64_t generation, const Config& config,
                                        bool inheritsSockets) {
    StartResult result;
    const std::string folder = store_.folder(generation);
    const std::string socket = store_.socketPath(generation);
    SpawnRequest request{.arguments = {binary_, "-db"},
                         .environment = {"MMSD_SOCK=" + socket},
                         .folder = folder,
                         .keepsCapabilities = true,
                         .mayLoseOutput = true};
    std::ranges::move(fileArguments(folder, config), std::back_inserter(request.arguments));
    if (inheritsSockets && current_) {
        request.arguments.emplace_back("-x");
        request.arguments.push_back(store_.socketPath(current_->generation()));
    }
    const auto started = reactor_.timers.now();
    Patience patience{started};
    ChildProcess child = spawnChild(request);
    auto process = wrap(generation, child.pid, std::move(child.pidFd), std::move(child.output));
    const StartGuard guard{process, leavesStarts_};
    while (process->isAlive()) {
        const auto info = co_await askForInfo(reactor_, socket, kAnswerLimit);
        if (info && info->pid == static_cast<std::uint32_t>(process->pid())) {
            process->becomeReady();
            lastStartTime_ = std::chrono::duration_cast<std::chrono::microseconds>(
                reactor_.timers.now() - started);
            result.output = process->startOutput();
            result.process = std::move(process);
            co_return result;
        }
        if (!process->isAlive())
            break;
        const auto now = reactor_.timers.now();
        if (patience.isOver(now, cpuTime(process->pid()))) {
            process->signal(SIGKILL);
            result.how = "did not answer in time";
        }
        const std::array<FdWait::Watch, 2> watches{{{process->pidFd().get()}, {}}};
        const auto pause = std::max<TimerFactory::TimePoint::duration>(
            kReadinessInterval, (now - started) / kReadinessShare);
        static_cast<void>(co_await FdWait{reactor_, watches, now + pause});
    }
    result.output = process->startOutput();
    if (result.how.empty())
        result.how = process->how();
    co_return result;
}

Task<> ProcessControl::judgeCurrent() {
    if (!current_)
        co_return;
    const pid_t pid = current_->pid();
    const auto info =
        co_await askForInfo(reactor_, store_.socketPath(current_->generation()), kAnswerLimit);
    const bool isAnswering = info && info->pid == static_cast<std::uint32_t>(pid);
    if (isAnswering || !current_ || current_->pid() != pid)
        co_return;
    logError("HAProxy hangs, it is going to be replaced", {{"pid", pid}});
    hung_.push_back(std::move(current_));
}

void ProcessControl::makeCurrent(std::unique_ptr<HaproxyProcess> process) {
    if (current_) {
        current_->signal(SIGUSR1);
        addDraining(std::move(current_));
    }
    current_ = std::move(process);
    endStrays();
}

void ProcessControl::endStrays() {
    for (auto& process : std::exchange(hung_, {})) {
        process->signal(SIGKILL);
        addDraining(std::move(process));
    }
    for (auto& process : std::exchange(strays_, {})) {
        process->signal(SIGUSR1);
        addDraining(std::move(process));
    }
}

void ProcessControl::addDraining(std::unique_ptr<HaproxyProcess> process) {
    if (!process->isAlive())
        return;
    draining_.push_back(std::move(process));
    std::size_t surplus = draining_.size() - std::min(draining_.size(), kMostDraining);
    for (const auto& oldest : draining_) {
        if (surplus-- == 0)
            break;
        logWarning("too many old HAProxy processes, ending the oldest",
                   {{"pid", oldest->pid()}, {"generation", oldest->generation()}});
        oldest->signal(SIGTERM);
    }
}

void ProcessControl::onExit(HaproxyProcess& process, const std::string& how) {
    if (&process == current_.get()) {
        logError("HAProxy died", {{"pid", process.pid()}, {"how", how}});
        store_.removeSocket(process.generation());
        const std::unique_ptr<HaproxyProcess> died = std::move(current_);
        onCurrentDied_(how);
        return;
    }
    for (auto* const list : {&draining_, &hung_, &strays_}) {
        const auto found =
            std::ranges::find(*list, &process, &std::unique_ptr<HaproxyProcess>::get);
        if (found == list->end())
            continue;
        // 2.6.12 is known to crash at the very end of draining; nothing is lost by it.
        logInfo("an old HAProxy ended",
                {{"pid", process.pid()}, {"generation", process.generation()}, {"how", how}});
        if (!current_ || current_->generation() != process.generation())
            store_.removeSocket(process.generation());
        list->erase(found);
        return;
    }
}

void ProcessControl::stopAll() noexcept {
    if (current_)
        current_->signal(SIGUSR1);
    for (const auto* const list : {&hung_, &strays_})
        for (const auto& process : *list)
            process->signal(list == &hung_ ? SIGKILL : SIGUSR1);
}

} // namespace mmsd::haproxy
