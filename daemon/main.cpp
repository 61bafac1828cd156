// SPDX-License-Identifier: MIT
// mmsd, the root supervisor.
#include "daemon/run_daemon.h"

#include "build_config.h"
#include "common/exit_code.h"

#include <err.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace {

/** `mmsd status` and `mmsd explain` are a program of their own, which gives up all rights before
 *  anything else; here, only --worker-dir matters. */
[[noreturn]] void runClient(char* argv[]) {
    constexpr std::string_view kFlag = "--worker-dir=";
    const char* folder = MMSD_LIBEXEC_DIR;
    for (char** each = argv; *each != nullptr; ++each)
        if (std::string_view{*each}.starts_with(kFlag))
            folder = *each + kFlag.size();
    ::execv((std::string{folder} + "/mmsd-client").c_str(), argv);
    ::err(static_cast<int>(mmsd::ExitCode::OperatingSystem), "cannot start mmsd-client");
}

} // namespace

int main(int argc, char* argv[]) {
    if (const std::string_view word{argc > 1 ? argv[1] : ""}; word == "status" || word == "explain")
        runClient(argv);
    return mmsd::supervisor::runDaemon({argv, static_cast<std::size_t>(argc)}, {});
}
