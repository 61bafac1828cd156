// SPDX-License-Identifier: MIT
// mmsd-marathon-watcher: follows a Marathon and publishes snapshots.
#include "build_config.h"
#include "common/exit_code.h"
#include "common/log.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "daemon/marathon/watcher_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace {

using namespace std::string_view_literals;
using mmsd::ExitCode;

constexpr const char* kProgram = "mmsd-marathon-watcher";
constexpr int kChannelFd = 3;

void refuseRoot() {
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    if (::getresuid(&real, &effective, &saved) != 0)
        mmsd::throwErrno("ask for the user");
    if (real == 0 || effective == 0 || saved == 0)
        throw mmsd::StartError{ExitCode::Permission,
                               "refuses to run as root: it has no use for any right of root "
                               "(see --run-as of mmsd)"};
}

void setProcessAttributes() {
    if (::prctl(PR_SET_NAME, "mmsd-watcher", 0, 0, 0) != 0)
        mmsd::throwErrno("set the process name");
    // exec sets it back to 1: others of the same user must not look into this process.
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        mmsd::throwErrno("become undumpable");
    std::signal(SIGPIPE, SIG_IGN);
}

mmsd::UniqueFd adoptChannel() {
    int domain = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(kChannelFd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX)
        throw mmsd::protocol::UsageError{
            "this program is started by mmsd; to run it alone, use --foreground"};
    const int flags = ::fcntl(kChannelFd, F_GETFL);
    if (flags < 0 || ::fcntl(kChannelFd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::fcntl(kChannelFd, F_SETFD, FD_CLOEXEC) != 0)
        mmsd::throwErrno("prepare the channel");
    return mmsd::UniqueFd{kChannelFd};
}

ExitCode run(int argc, const char* const* argv) {
    mmsd::protocol::Settings settings;
    settings.parseCommandLine(argc, argv, mmsd::protocol::kForWatcher);
    if (settings.flag("help")) {
        const std::string text = mmsd::protocol::helpText(
            kProgram, "Follows a Marathon and publishes its state to mmsd.",
            mmsd::protocol::kForWatcher);
        std::fputs(text.c_str(), stdout);
        return ExitCode::Ok;
    }
    if (settings.flag("version")) {
        std::printf("%s %s\nLicence: MIT\n", kProgram, MMSD_VERSION);
        return ExitCode::Ok;
    }
    mmsd::configureLog({.program = kProgram,
                        .level = settings.logLevel(),
                        .format = settings.text("log-format") == "json"sv ? mmsd::LogFormat::Json
                                                                          : mmsd::LogFormat::Text,
                        .hasPriorityPrefix = mmsd::isStderrJournal()});
    refuseRoot();
    setProcessAttributes();
    const bool isAlone = settings.flag("foreground");
    if (isAlone && ::isatty(STDOUT_FILENO) == 1)
        throw mmsd::protocol::UsageError{
            "--foreground: standard output is a terminal; pipe the frames into dump_frames"};
    mmsd::UniqueFd channel = isAlone ? mmsd::UniqueFd{} : adoptChannel();
    mmsd::marathon::CurlLoop::initializeLibrary();
    return mmsd::marathon::WatcherProcess{settings, std::move(channel)}.run();
}

} // namespace

int main(int argc, char** argv) {
    ExitCode code = ExitCode::OperatingSystem;
    try {
        code = run(argc, argv);
    } catch (const mmsd::protocol::UsageError& error) {
        std::fprintf(stderr, "%s: %s\n", kProgram, error.what());
        code = ExitCode::Usage;
    } catch (const mmsd::StartError& error) {
        mmsd::logError(error.what());
        code = error.code();
    } catch (const std::exception& error) {
        mmsd::logError("ended by a failure", {{"reason", error.what()}});
    }
    return static_cast<int>(code);
}
