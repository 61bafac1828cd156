// SPDX-License-Identifier: MIT
// ForegroundRun: a worker alone, on a snapshot file, for development and debugging.
#include "workers/runtime/foreground_run.h"

#include "common/event_loop.h"
#include "common/file_io.h"
#include "common/log.h"
#include "common/loop_sandbox.h"
#include "common/start_error.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "protocol/snapshot_assembler.h"

#include <fcntl.h>

#include <csignal>
#include <span>
#include <utility>

namespace mmsd::worker {

namespace {

std::string folderOf(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

} // namespace

ForegroundRun::ForegroundRun(const WorkerDefinition& definition, WorkerContext& context,
                             const std::string& snapshotPath)
    : context_{context}, fileName_{snapshotPath.substr(snapshotPath.rfind('/') + 1)},
      folder_{openFile(folderOf(snapshotPath), O_RDONLY | O_DIRECTORY)}, worker_{createWorker(
                                                                             definition, context)},
      stopTimer_{context.timers.create([this] { context_.loop.stop(); })},
      onTerminate_{context.loop, SIGTERM, [this] { shutDown(); }},
      onInterrupt_{context.loop, SIGINT, [this] { shutDown(); }}, onHangUp_{context.loop, SIGHUP,
                                                                            [this] { reload(); }} {
    queue_.emplace(*worker_, context.timers,
                   [](std::uint64_t generation, const protocol::SnapshotApplied& applied) {
                       logInfo("applied", {{"generation", generation},
                                           {"result", toString(applied.result)},
                                           {"duration_us", applied.duration.count()},
                                           {"text", applied.text}});
                   });
    lockIn(definition, fileReadingSyscalls(),
           {definition.writableFolders(context.settings), {folderOf(snapshotPath)}});
    try {
        queue_->push(load());
    } catch (const protocol::ProtocolError& error) {
        throw StartError{ExitCode::Configuration, snapshotPath + ": " + error.what()};
    }
}

ForegroundRun::~ForegroundRun() = default;

ExitCode ForegroundRun::run() {
    context_.loop.run();
    return ExitCode::Ok;
}

std::shared_ptr<const protocol::Snapshot> ForegroundRun::load() const {
    const auto bytes = readFileAt(folder_.get(), fileName_, protocol::kMaxSnapshotBytes);
    if (!bytes)
        throw protocol::ProtocolError{"no such file"};
    auto [snapshot, flaw] = protocol::decodeSnapshotFile(std::as_bytes(std::span{*bytes}));
    if (!flaw.empty())
        logWarning("the end of the snapshot file is not used", {{"reason", flaw}});
    return std::move(snapshot);
}

void ForegroundRun::reload() {
    try {
        queue_->push(load());
        queue_->reapply();
    } catch (const std::exception& error) {
        logError("snapshot file not used, the old state stays", {{"reason", error.what()}});
    }
}

void ForegroundRun::shutDown() {
    if (std::exchange(isStopping_, true))
        return;
    queue_->close();
    stopTimer_->start(kShutDownLimit);
    worker_->retire(); // nobody takes over
    worker_->shutDown([this] { context_.loop.stop(); });
}

} // namespace mmsd::worker
