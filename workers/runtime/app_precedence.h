// SPDX-License-Identifier: MIT
// Who wins when two apps claim the same name or port: one rule for all workers. Pure.
#pragma once

#include "protocol/state.h"

#include <chrono>
#include <optional>
#include <string_view>

namespace mmsd::worker {

using VersionTime = std::chrono::sys_time<std::chrono::microseconds>;

/** The instant that an app version names: Marathon writes RFC 3339 ("2016-10-13T13:31:39.055Z"),
 *  also with an offset. Nothing if it is no such text. */
[[nodiscard]] std::optional<VersionTime> parseVersion(std::string_view version) noexcept;

/** True if @p a goes before @p b: the older version (one without a known time counts as newest),
 *  then the smaller id. Source: CONTRACT section 3, after "the one already serving". */
[[nodiscard]] bool precedes(const protocol::App& a, const protocol::App& b) noexcept;

} // namespace mmsd::worker
