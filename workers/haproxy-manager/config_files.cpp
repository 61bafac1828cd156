// SPDX-License-Identifier: MIT
// How a configuration is cut into files: one for a small one; a large one has its app ports in
// many, so that a change at run time writes a small one. Pure.
#include "workers/haproxy-manager/config_files.h"

#include "common/text.h"

#include <algorithm>

namespace mmsd::haproxy {

namespace {

/** Enough for one file for every 64 ports of 65 535; HAProxy reads them by name. */
constexpr std::size_t kDigits = 4;
constexpr std::string_view kSuffix = ".cfg";

} // namespace

std::string appFileName(std::size_t number) {
    std::string digits = std::to_string(number);
    digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
    return digits.append(kSuffix);
}

std::optional<std::size_t> appFileNumber(std::string_view name) noexcept {
    if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix))
        return std::nullopt;
    return parseNumber<std::size_t>(name.substr(0, kDigits));
}

std::span<const FragmentPtr> appFileFragments(const std::vector<FragmentPtr>& all,
                                              std::size_t number) noexcept {
    const std::size_t first = std::min(number * kPortsPerFile, all.size());
    return std::span{all}.subspan(first, std::min(kPortsPerFile, all.size() - first));
}

std::string configFileText(const Config& config) {
    return isCut(config.fragments.size()) ? config.base : render(config).text;
}

std::vector<std::string> fileArguments(const std::string& folder, const Config& config) {
    std::vector<std::string> arguments;
    const auto add = [&](std::string_view name) {
        arguments.emplace_back("-f");
        arguments.push_back(folder + '/' + std::string{name});
    };
    add(kConfigFile);
    if (isCut(config.fragments.size()))
        add(kAppFolder);
    if (!config.tail.empty())
        add(kTailFile);
    return arguments;
}

} // namespace mmsd::haproxy
