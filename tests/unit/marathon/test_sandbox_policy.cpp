// SPDX-License-Identifier: MIT
// Tests of the watcher's cage: what libraries do behind its back works, or fails without an end.
#include "daemon/marathon/sandbox_policy.h"

#include "common/file_io.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/common/child_process.h"
#include "tests/unit/common/rare_calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace mmsd::marathon {

namespace {

test::ChildResult runCaged(const std::function<void()>& body) {
    return test::runInChild([&] {
        enterSandbox({{"/etc/hosts", "/etc/resolv.conf"}, {}});
        body();
    });
}

void require(bool isTrue) {
    if (!isTrue)
        test::exitNow(1);
}

/** By its C name: what OpenSSL and libcurl sort with, which asks for the size of the memory. */
void sortMany() {
    std::vector<int> numbers(100'000);
    std::generate(numbers.begin(), numbers.end(), [n = 1U]() mutable {
        return static_cast<int>(n = n * 1'103'515'245U + 12'345U);
    });
    std::qsort(numbers.data(), numbers.size(), sizeof(int), [](const void* a, const void* b) {
        const int first = *static_cast<const int*>(a);
        const int second = *static_cast<const int*>(b);
        return first < second ? -1 : first > second ? 1 : 0;
    });
    require(std::is_sorted(numbers.begin(), numbers.end()));
}

/** As OpenSSL tells whether a certificate is still good; the file of the time zone is out of reach.
 */
void convertTime() {
    ::unsetenv("TZ");
    ::tzset();
    tm parts{};
    const std::time_t now = 1'700'000'000;
    require(::gmtime_r(&now, &parts) != nullptr && parts.tm_year == 123);
    require(::localtime_r(&now, &parts) != nullptr);
}

/** As evdns and libcurl read files, by stdio and without. */
void readFiles() {
    std::FILE* const file = std::fopen("/etc/hosts", "r");
    require(file != nullptr);
    char line[256];
    while (std::fgets(line, sizeof line, file) != nullptr) {
    }
    require(std::fseek(file, 0, SEEK_SET) == 0 && std::fclose(file) == 0);
    require(!readFile("/etc/hosts", 1 << 20).empty());
    require(std::fopen("/etc/shadow", "r") == nullptr);
    require(::opendir("/etc/ssl") == nullptr);
}

void lookAround() {
    utsname name{};
    require(::uname(&name) != 0);
    char link[64];
    require(::readlink("/proc/self/exe", link, sizeof link) < 0);
    require(::access("/etc/hosts", R_OK) != 0);
}

} // namespace

TEST_CASE("watcher sandbox: rare needs of a process and its C library are met",
          "[marathon][sandbox]") {
    test::checkRareCalls(runCaged);
}

TEST_CASE("watcher sandbox: its libraries' rare paths do not end it", "[marathon][sandbox]") {
    struct Path {
        const char* name;
        void (*walk)();
    };
    for (const Path& each : {Path{"sorting", sortMany}, Path{"time zone", convertTime},
                             Path{"files", readFiles}, Path{"looking around", lookAround}}) {
        CAPTURE(each.name);
        const test::ChildResult child = runCaged(each.walk);
        CAPTURE(child.errorText);
        CHECK(child.hasExited(0));
    }
}

} // namespace mmsd::marathon
