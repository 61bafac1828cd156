// SPDX-License-Identifier: MIT
// One app port as an upstream file: its name and its content. Pure.
#pragma once

#include "protocol/state.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::confd {

inline constexpr std::string_view kFileSuffix = ".instances";

/** Octets of a file name: with the dot and ".tmp" around it, the temporary file beside it still
 *  fits in NAME_MAX. */
inline constexpr std::size_t kMaxFileName = 250;

/** "/developer/trapni/php" is "developer.trapni.php", port index 2 of it "developer.trapni.php-2".
 */
[[nodiscard]] std::string serviceName(std::string_view appId, std::size_t portIndex);

/** The service name with the suffix. */
[[nodiscard]] std::string fileName(std::string_view appId, std::size_t portIndex);

/** Why a name must not be used in the folder; nothing if it may. Allowed are letters, digits,
 *  '.', '_' and '-' with a letter, digit or '_' in front and no "..": what Marathon allows in ids
 *  today, and nothing that a shell or a terminal could take for something else. */
[[nodiscard]] std::optional<std::string> whyUnsafe(std::string_view fileName);

/** A rendered file. */
struct InstancesFile {
    std::string content;
    /** Labels and hosts that could not be written, for the status report. */
    std::vector<std::string> complaints;
};

/** Renders the file of one port index. Source: CONTRACT section 5.
 *  - Service-Port is 0 where the port index has no service port.
 *  - Service-Application-Proto: the `proto` label in lower case, if it is a plain word of at most
 *    63 octets; else http for an HTTP health check; else tcp, or udp for a port without tcp. */
[[nodiscard]] InstancesFile renderInstancesFile(const protocol::App& app, std::size_t portIndex);

} // namespace mmsd::confd
