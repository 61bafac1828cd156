// SPDX-License-Identifier: MIT
// mmsd-confd-writer: keeps a folder of upstream files, one per app port.
#include "workers/confd-writer/confd_writer.h"
#include "workers/confd-writer/sandbox_policy.h"
#include "workers/runtime/worker_main.h"

#include "common/sys_error.h"

#include <sys/stat.h>

#include <cerrno>

namespace {

using namespace mmsd;

std::string confdFolder(const protocol::Settings& settings) {
    return settings.text("run-state-dir") + "/confd";
}

std::vector<std::string> writableFolders(const protocol::Settings& settings) {
    return {confdFolder(settings)};
}

std::unique_ptr<worker::Worker> create(worker::WorkerContext& context) {
    const std::string folder = confdFolder(context.settings);
    // The supervisor prepares the folder; alone, there is nobody else to do it.
    if (context.isForeground && ::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
        throwErrno("create " + folder);
    return std::make_unique<confd::ConfdWriter>(folder, context.timers);
}

} // namespace

int main(int argc, char** argv) {
    return worker::runWorker({.process = "confd-writer",
                              .program = "mmsd-confd-writer",
                              .purpose = "Keeps a folder of upstream files, one per app port.",
                              .commandName = "mmsd-confd",
                              .settingsMask = protocol::kForConfd,
                              .sandbox = confd::sandboxPolicy(),
                              .writableFolders = writableFolders,
                              .create = create},
                             argc, argv);
}
