// SPDX-License-Identifier: MIT
// From the command line to a running supervisor, and from errors to exit codes.
#include "daemon/run_daemon.h"

#include "build_config.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "daemon/options.h"
#include "daemon/supervisor.h"
#include "daemon/upgrade.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

namespace mmsd::supervisor {

namespace {

/** What the caller may have left us: closed standard descriptors, ignored signals. */
void cleanProcess() {
    // Whatever we open must not become the descriptor that somebody else writes errors to.
    int fd = 0;
    while ((fd = ::open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) {
    }
    ::close(fd);
    ::signal(SIGCHLD, SIG_DFL); // ignored, it would take the exit status of our children
    ::signal(SIGPIPE, SIG_IGN);
    ::umask(0022);
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        throwErrno("PR_SET_DUMPABLE");
}

ExitCode print(const std::string& text) {
    return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0
               ? ExitCode::Ok
               : ExitCode::OperatingSystem;
}

ExitCode act(std::span<const char* const> argv, const Timing& timing) {
    Options options = readOptions(argv);
    switch (options.action) {
    case Action::PrintHelp:
        return print(protocol::helpText(
            "mmsd",
            "       mmsd status [--help]        how a running mmsd is\n"
            "       mmsd explain APP [--help]   where an app is exposed, and why it is not\n"
            "Service discovery for Mesos Marathon.",
            protocol::kForSupervisor));
    case Action::PrintVersion:
        return print("mmsd " MMSD_VERSION "\nLicence: MIT\n");
    case Action::CheckConfig:
        if (Handover handover = takeHandover(::getppid(), options.settings); !handover.empty())
            return rehearse(std::move(handover), options.settings);
        return print(options.settings.toText());
    case Action::Run:
        break;
    }
    // First, before another descriptor gets a number that it names.
    Handover handover = takeHandover(::getpid(), options.settings);
    cleanProcess();
    configureLog(logConfig(options.settings));
    EventLoop loop;
    Supervisor supervisor{loop, argv, std::move(options.settings), timing, std::move(handover)};
    return supervisor.run();
}

} // namespace

int runDaemon(std::span<const char* const> argv, const Timing& timing) noexcept {
    // Plain text: at a terminal this is the answer to a command, and its quotes must stay quotes.
    const auto failed = [](ExitCode code, const std::exception& error) {
        std::fprintf(stderr, "%smmsd: %s\n", isStderrJournal() ? "<3>" : "", error.what());
        return static_cast<int>(code);
    };
    try {
        return static_cast<int>(act(argv, timing));
    } catch (const StartError& error) {
        return failed(error.code(), error);
    } catch (const SysError& error) {
        const int number = error.code().value();
        const bool isRight = number == EACCES || number == EPERM;
        return failed(isRight ? ExitCode::Permission : ExitCode::OperatingSystem, error);
    } catch (const std::exception& error) {
        return failed(ExitCode::OperatingSystem, error);
    }
}

} // namespace mmsd::supervisor
