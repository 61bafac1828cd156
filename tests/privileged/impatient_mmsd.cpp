// SPDX-License-Identifier: MIT
// The supervisor with short times, so that tests see timeouts and back-offs without waiting long.
#include "daemon/run_daemon.h"

int main(int argc, char* argv[]) {
    using std::chrono::milliseconds;
    return mmsd::supervisor::runDaemon(
        {argv, static_cast<std::size_t>(argc)},
        {
            .readyTimeout = milliseconds{1'500},
            .pingInterval = milliseconds{100},
            .pingTimeout = milliseconds{700},
            .applyTimeout = milliseconds{10'000},
            .framesPerPing = 200,
            .workerGrace = milliseconds{1'500},
            .sourceGrace = milliseconds{500},
            .channelGrace = milliseconds{500},
            .backoff = {milliseconds{400}, milliseconds{1'600}, milliseconds{5'000}},
            .leastCleanRun = milliseconds{50},
        });
}
