// SPDX-License-Identifier: MIT
// The main() of every unit test executable.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
// The TAP reporter is built in from version 3 on.
#include <catch2/catch_reporter_tap.hpp>
#endif

int main(int argc, char* argv[]) {
    return Catch::Session().run(argc, argv);
}
