// SPDX-License-Identifier: MIT
// mmsd-haproxy-manager: load balancing by HAProxy, one frontend per exposed app port.
#include "common/sys_error.h"
#include "workers/haproxy-manager/haproxy_manager.h"
#include "workers/haproxy-manager/sandbox.h"
#include "workers/runtime/worker_main.h"

#include <sys/stat.h>

#include <cerrno>

namespace {

using namespace mmsd;

std::vector<std::string> writableFolders(const protocol::Settings& settings) {
    return {settings.text("run-state-dir") + "/haproxy"};
}

std::unique_ptr<worker::Worker> create(worker::WorkerContext& context) {
    haproxy::ManagerOptions options = haproxy::makeOptions(context.settings);
    // The supervisor prepares the folder; alone, there is nobody else to do it.
    if (context.isForeground && ::mkdir(options.root.c_str(), 0700) != 0 && errno != EEXIST)
        throwErrno("create " + options.root);
    return std::make_unique<haproxy::HaproxyManager>(context, std::move(options));
}

} // namespace

int main(int argc, char** argv) {
    return worker::runWorker({.process = "haproxy-manager",
                              .program = "mmsd-haproxy-manager",
                              .purpose = "Load balancing by HAProxy, one frontend per app port.",
                              .commandName = "mmsd-haproxy",
                              .settingsMask = protocol::kForHaproxy,
                              .sandbox = {},
                              .writableFolders = writableFolders,
                              .create = create,
                              .lockIn = haproxy::lockIn},
                             argc, argv);
}
