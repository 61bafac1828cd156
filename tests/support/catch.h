// SPDX-License-Identifier: MIT
// Catch2 in version 2 or 3, whichever the build machine has.
#pragma once

#include <string>

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#define MMSD_CATCH_VERSION 3
#else
#include <catch2/catch.hpp>
#define MMSD_CATCH_VERSION 2
#endif

namespace mmsd::test {

/** For REQUIRE_THROWS_WITH and REQUIRE_THAT: the matcher has another name in each version. */
inline auto containsText(const std::string& text) {
#if MMSD_CATCH_VERSION == 3
    return Catch::Matchers::ContainsSubstring(text);
#else
    return Catch::Matchers::Contains(text);
#endif
}

} // namespace mmsd::test
