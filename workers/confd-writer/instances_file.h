// SPDX-License-Identifier: MIT
// One app port as an upstream file: its content. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/runtime/file_names.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::confd {

using worker::fileName;
using worker::kFileSuffix;
using worker::kMaxFileName;
using worker::serviceName;
using worker::whyUnsafe;

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
