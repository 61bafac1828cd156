// SPDX-License-Identifier: MIT
// The serving rule's verdict on an instance in words. Pure.
#pragma once

#include "protocol/state.h"

#include <string>

namespace mmsd::api {

/** Why the instance gets traffic or does not, as one clause without a full stop.
 *  Source: CONTRACT section 2. */
[[nodiscard]] std::string servingReason(const protocol::Instance& instance);

} // namespace mmsd::api
