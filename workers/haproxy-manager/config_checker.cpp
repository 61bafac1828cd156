// SPDX-License-Identifier: MIT
// ConfigChecker: what HAProxy says to a configuration, and whose fault it is.
#include "workers/haproxy-manager/config_checker.h"

#include "workers/haproxy-manager/child_process.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace mmsd::haproxy {

namespace {

/** Checks of one search; suspects that are left then count as bad. */
constexpr unsigned kMostChecks = 64;

} // namespace

/** One search under way. */
struct ConfigChecker::Search {
    std::uint64_t generation;
    const Config& config;
    const Config& running;
    std::set<std::string> doubtful; ///< neither known as good nor as bad
    std::map<std::string, std::string> bad;
    std::string message;
    unsigned checks = 0;
};

Task<ConfigChecker::Verdict> ConfigChecker::check(std::uint64_t generation, const Config& config) {
    store_.write(generation, config);
    const std::string folder = store_.folder(generation);
    SpawnRequest request{.arguments = {binary_, "-c"},
                         // The text names it; nobody listens there for a check.
                         .environment = {"MMSD_SOCK=" + store_.socketPath(generation)},
                         .folder = folder};
    std::ranges::move(fileArguments(folder, config), std::back_inserter(request.arguments));
    ++count_;
    const CommandResult result = co_await runCommand(reactor_, std::move(request), {});
    Verdict verdict;
    verdict.isValid = result.isSuccess;
    if (!result.isSuccess) {
        verdict.blame = readBlame(result.output, config, render(config));
        if (verdict.blame.firstAlert.empty())
            verdict.blame.firstAlert = result.how;
    }
    co_return verdict;
}

Task<std::map<std::string, std::string>> ConfigChecker::search(std::uint64_t generation,
                                                               const Config& config,
                                                               std::vector<std::string> suspects,
                                                               const Config& running) {
    Search search{generation, config, running, {suspects.begin(), suspects.end()}, {}, {}, 0};
    // Without any suspect it must be valid, else they are not to blame.
    const bool isRestValid = co_await passes(search, {});
    if (isRestValid)
        co_await halve(search, std::move(suspects));
    co_return std::move(search.bad);
}

Task<bool> ConfigChecker::passes(Search& search, const std::vector<std::string>& added) {
    Config config{search.config.base, {}, search.config.maps, search.config.tail};
    for (const FragmentPtr& fragment : search.config.fragments) {
        const bool isLeftOut = search.doubtful.contains(fragment->proxy) &&
                               std::ranges::find(added, fragment->proxy) == added.end();
        if (!isLeftOut && !search.bad.contains(fragment->proxy))
            config.fragments.push_back(fragment);
        else if (const Fragment* const last = search.running.find(fragment->proxy))
            config.fragments.push_back(std::make_shared<Fragment>(*last));
    }
    ++search.checks;
    const Verdict verdict = co_await check(search.generation, config);
    if (!verdict.isValid)
        search.message = verdict.blame.firstAlert;
    co_return verdict.isValid;
}

Task<> ConfigChecker::halve(Search& search, std::vector<std::string> suspects) {
    if (suspects.empty())
        co_return;
    const bool isExhausted = search.checks >= kMostChecks;
    const bool isGood = !isExhausted && co_await passes(search, suspects);
    for (const std::string& suspect : suspects) {
        if (isGood)
            search.doubtful.erase(suspect);
        else if (isExhausted || suspects.size() == 1)
            search.bad.emplace(suspect, search.message);
    }
    if (isGood || isExhausted || suspects.size() == 1)
        co_return;
    const auto middle = suspects.begin() + static_cast<std::ptrdiff_t>(suspects.size() / 2);
    std::vector<std::string> second{middle, suspects.end()};
    suspects.erase(middle, suspects.end());
    co_await halve(search, std::move(suspects));
    co_await halve(search, std::move(second));
}

} // namespace mmsd::haproxy
