// SPDX-License-Identifier: MIT
// How a configuration is cut into files: one for a small one; a large one has its app ports in
// many, so that a change at run time writes a small one. Pure.
#pragma once

#include "workers/haproxy-manager/config_text.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::haproxy {

/** Names of the files that HAProxy is given, in this order. */
inline constexpr std::string_view kConfigFile = "haproxy.cfg";
inline constexpr std::string_view kAppFolder = "apps"; ///< a folder, read by name
inline constexpr std::string_view kTailFile = "haproxy-tail.cfg";

/** Up to so many app ports stand in kConfigFile itself. */
inline constexpr std::size_t kMostPortsInOneFile = 512;
/** App ports in each file of kAppFolder. */
inline constexpr std::size_t kPortsPerFile = 64;

/** True if the app ports have files of their own. */
[[nodiscard]] constexpr bool isCut(std::size_t ports) noexcept {
    return ports > kMostPortsInOneFile;
}
/** How many files kAppFolder has; 0: there is none. */
[[nodiscard]] constexpr std::size_t appFileCount(std::size_t ports) noexcept {
    return isCut(ports) ? (ports + kPortsPerFile - 1) / kPortsPerFile : 0;
}

/** "0007.cfg": name of a file in kAppFolder. */
[[nodiscard]] std::string appFileName(std::size_t number);
/** The number of such a name; nothing for others. */
[[nodiscard]] std::optional<std::size_t> appFileNumber(std::string_view name) noexcept;

/** What stands in a file of kAppFolder. */
[[nodiscard]] std::span<const FragmentPtr> appFileFragments(const std::vector<FragmentPtr>& all,
                                                            std::size_t number) noexcept;

/** What stands in kConfigFile. With the files of kAppFolder behind it, it is what render() makes.
 */
[[nodiscard]] std::string configFileText(const Config& config);

/** Arguments that give HAProxy a configuration: "-f", file, … @param folder with its files */
[[nodiscard]] std::vector<std::string> fileArguments(const std::string& folder,
                                                     const Config& config);

} // namespace mmsd::haproxy
