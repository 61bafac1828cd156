// SPDX-License-Identifier: MIT
// How a label that cannot be used is told. Pure.
#pragma once

#include <string>
#include <string_view>

namespace mmsd::worker {

/** `label NAME="VALUE": EXPECTED`, with the value made safe for logs. */
[[nodiscard]] std::string labelReason(std::string_view name, std::string_view value,
                                      std::string_view expected);

} // namespace mmsd::worker
