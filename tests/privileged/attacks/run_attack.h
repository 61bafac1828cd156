// SPDX-License-Identifier: MIT
// What a taken-over process tells its driver.
#pragma once

#include <array>

namespace mmsd::attack {

/** Written to the channel before anything else: the cage is up, the attack begins. */
inline constexpr std::array<char, 8> kBegun{'A', 'T', 'T', 'A', 'C', 'K', 'E', 'R'};

/** Runs the attack that MMSD_ATTACK names and tells how it went on descriptor 3: kBegun, then the
 *  attack's errno as an int, unless the process ended in between. Never returns. */
[[noreturn]] void runNamedAttack() noexcept;

} // namespace mmsd::attack
