// SPDX-License-Identifier: MIT
// The main() of every worker.
#include "workers/runtime/worker_main.h"

#include "build_config.h"

#include "common/event_loop.h"
#include "common/log.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "common/timer.h"
#include "workers/runtime/foreground_run.h"
#include "workers/runtime/inherited_fds.h"
#include "workers/runtime/supervised_run.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace mmsd::worker {

namespace {

void refuseRoot() {
    uid_t real = 0;
    uid_t effective = 0;
    uid_t saved = 0;
    if (::getresuid(&real, &effective, &saved) != 0)
        throwErrno("ask for the user");
    if (real == 0 || effective == 0 || saved == 0)
        throw StartError{ExitCode::Permission, "refuses to run as root: it has no use for any "
                                               "right of root (see --run-as of mmsd)"};
}

void setProcessAttributes(const WorkerDefinition& definition) {
    if (::prctl(PR_SET_NAME, definition.commandName, 0, 0, 0) != 0)
        throwErrno("set the process name");
    // exec sets it back to 1: others of the same user must not look into this process.
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        throwErrno("become undumpable");
    std::signal(SIGPIPE, SIG_IGN);
}

ExitCode run(const WorkerDefinition& definition, int argc, const char* const* argv) {
    protocol::Settings settings;
    settings.parseCommandLine(argc, argv, definition.settingsMask);
    if (settings.flag("help")) {
        const std::string text =
            protocol::helpText(definition.program, definition.purpose, definition.settingsMask);
        std::fputs(text.c_str(), stdout);
        return ExitCode::Ok;
    }
    if (settings.flag("version")) {
        std::printf("%s %s\nLicence: MIT\n", definition.program, MMSD_VERSION);
        return ExitCode::Ok;
    }
    configureLog(
        {.program = definition.program,
         .level = settings.logLevel(),
         .format = settings.text("log-format") == "json" ? LogFormat::Json : LogFormat::Text,
         .hasPriorityPrefix = isStderrJournal()});
    refuseRoot();
    setProcessAttributes(definition);

    EventLoop loop;
    EventTimerFactory timers{loop};
    WorkerContext context{loop, timers, settings, settings.flag("foreground")};
    if (!context.isForeground)
        return SupervisedRun{definition, context, adoptChannel()}.run();
    const std::string& snapshot = settings.text("snapshot");
    if (snapshot.empty())
        throw protocol::UsageError{"--foreground: needs --snapshot FILE"};
    return ForegroundRun{definition, context, snapshot}.run();
}

} // namespace

int runWorker(const WorkerDefinition& definition, int argc, const char* const* argv) noexcept {
    ExitCode code = ExitCode::OperatingSystem;
    try {
        code = run(definition, argc, argv);
    } catch (const protocol::UsageError& error) {
        std::fprintf(stderr, "%s: %s\n", definition.program, error.what());
        code = ExitCode::Usage;
    } catch (const StartError& error) {
        logError(error.what());
        code = error.code();
    } catch (const std::exception& error) {
        logError("ended by a failure", {{"reason", error.what()}});
    }
    return static_cast<int>(code);
}

} // namespace mmsd::worker
