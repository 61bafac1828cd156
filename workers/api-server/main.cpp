// SPDX-License-Identifier: MIT
// mmsd-api-server: answers HTTP from memory.
#include "common/start_error.h"
#include "workers/api-server/api_server.h"
#include "workers/api-server/listener.h"
#include "workers/api-server/sandbox_policy.h"
#include "workers/runtime/descriptor_limit.h"
#include "workers/runtime/worker_main.h"

namespace {

using namespace mmsd;

std::vector<std::string> writableFolders(const protocol::Settings&) {
    return {};
}

std::unique_ptr<worker::Worker> create(worker::WorkerContext& context) {
    UniqueFd listener = context.takeSocket("api-tcp");
    if (context.isForeground)
        listener = api::openListener(
            {context.settings.address("bind-ip"), context.settings.port("api-port")});
    if (!listener.isDefined())
        throw StartError{ExitCode::OperatingSystem, "no api-tcp socket was inherited"};
    api::prepareListener(listener);
    const std::size_t connectionLimit = worker::reserveDescriptors(api::kMaxConnections);
    return std::make_unique<api::ApiServer>(context.loop, context.timers, std::move(listener),
                                            connectionLimit,
                                            api::makeViewOptions(context.settings));
}

} // namespace

int main(int argc, char** argv) {
    return worker::runWorker({.process = "api-server",
                              .program = "mmsd-api-server",
                              .purpose = "Answers HTTP about apps and instances, from memory.",
                              .commandName = "mmsd-api",
                              .settingsMask = protocol::kForApi,
                              .sandbox = api::sandboxPolicy(),
                              .writableFolders = writableFolders,
                              .create = create},
                             argc, argv);
}
