// SPDX-License-Identifier: MIT
// Asks the installed HAProxy what it can do.
#include "workers/haproxy-manager/feature_probe.h"

#include "common/file_io.h"
#include "common/log.h"
#include "workers/haproxy-manager/child_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>
#include <string_view>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;

constexpr auto kProbeLimit = 10s;
constexpr const char* kProbeFile = "probe.cfg";
constexpr std::string_view kProbe = R"(frontend probe
    mode http
    bind 127.0.0.1:1
    timeout client 1s
    option idle-close-on-response
)";

} // namespace

Task<HaproxyFeatures> probeFeatures(Reactor reactor, std::string binary, std::string folder) {
    SpawnRequest question;
    question.arguments = {binary, "-vv"};
    const CommandResult told = co_await runCommand(reactor, std::move(question), kProbeLimit);
    auto features = parseFeatures(told.output);
    if (!features)
        throw std::runtime_error{binary + " -vv: " + told.how + ", no HAProxy's answer"};
    if (features->version < kOldestVersion)
        throw std::runtime_error{binary + " is version " + features->versionText +
                                 "; at least 2.4 is needed"};
    const UniqueFd dir = openFile(folder, O_RDONLY | O_DIRECTORY);
    replaceFileAt(dir.get(), kProbeFile, kProbe, 0600);
    SpawnRequest attempt;
    attempt.arguments = {binary, "-c", "-f", folder + '/' + kProbeFile};
    attempt.folder = folder;
    const CommandResult tried = co_await runCommand(reactor, std::move(attempt), kProbeLimit);
    features->hasIdleCloseOnResponse = tried.isSuccess;
    ::unlinkat(dir.get(), kProbeFile, 0);
    logInfo("found HAProxy", {{"version", features->versionText},
                              {"idle_close_on_response", features->hasIdleCloseOnResponse},
                              {"prometheus", features->hasPrometheus}});
    co_return *std::move(features);
}

} // namespace mmsd::haproxy
