// SPDX-License-Identifier: MIT
// How a label that cannot be used is told. Pure.
#include "workers/runtime/label_reason.h"

#include "common/text.h"

namespace mmsd::worker {

std::string labelReason(std::string_view name, std::string_view value, std::string_view expected) {
    std::string reason{"label "};
    reason.append(name).append("=\"").append(escapeText(value, 64)).append("\": ").append(expected);
    return reason;
}

} // namespace mmsd::worker
