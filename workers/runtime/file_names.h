// SPDX-License-Identifier: MIT
// Which file an app port has, by name: for who writes it and for who explains it. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::worker {

inline constexpr std::string_view kFileSuffix = ".instances";

/** Octets of a file name: with the dot and ".tmp" around it, the temporary file beside it still
 *  fits in NAME_MAX. */
inline constexpr std::size_t kMaxFileName = 250;

[[nodiscard]] constexpr bool isWordCharacter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

[[nodiscard]] constexpr bool isNameCharacter(char c) noexcept {
    return isWordCharacter(c) || c == '.' || c == '-';
}

/** "/developer/trapni/php" is "developer.trapni.php", port index 2 of it "developer.trapni.php-2".
 */
[[nodiscard]] std::string serviceName(std::string_view appId, std::size_t portIndex);

/** The service name with the suffix. */
[[nodiscard]] std::string fileName(std::string_view appId, std::size_t portIndex);

/** Why a name must not be used in the folder; nothing if it may. Allowed are letters, digits,
 *  '.', '_' and '-' with a letter, digit or '_' in front and no "..": what Marathon allows in ids
 *  today, and nothing that a shell or a terminal could take for something else. */
[[nodiscard]] std::optional<std::string> whyUnsafe(std::string_view fileName);

} // namespace mmsd::worker
