// SPDX-License-Identifier: MIT
// mmsd, the root supervisor.
#include "daemon/run_daemon.h"

int main(int argc, char* argv[]) {
    return mmsd::supervisor::runDaemon({argv, static_cast<std::size_t>(argc)}, {});
}
