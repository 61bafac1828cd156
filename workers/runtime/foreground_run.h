// SPDX-License-Identifier: MIT
// ForegroundRun: a worker alone, on a snapshot file, for development and debugging.
#pragma once

#include "common/exit_code.h"
#include "common/signal_event.h"
#include "common/timer.h"
#include "common/unique_fd.h"
#include "workers/runtime/apply_queue.h"
#include "workers/runtime/worker_definition.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace mmsd::worker {

/** Owns the worker and the snapshot file's folder; the same cage as under the supervisor, plus the
 *  right to read that folder. SIGHUP reads the file again, SIGINT and SIGTERM end the run. */
class ForegroundRun {
public:
    /** @throws StartError, SysError if the worker cannot start or the file holds no snapshot */
    ForegroundRun(const WorkerDefinition& definition, WorkerContext& context,
                  const std::string& snapshotPath);
    ~ForegroundRun();
    ForegroundRun(const ForegroundRun&) = delete;
    ForegroundRun& operator=(const ForegroundRun&) = delete;

    ExitCode run();

private:
    [[nodiscard]] std::shared_ptr<const protocol::Snapshot> load() const;
    void reload();
    void shutDown();

    WorkerContext& context_;
    std::string fileName_;
    UniqueFd folder_;
    std::unique_ptr<Worker> worker_;
    std::optional<ApplyQueue> queue_;
    bool isStopping_ = false;
    std::unique_ptr<Timer> stopTimer_;
    SignalEvent onTerminate_;
    SignalEvent onInterrupt_;
    SignalEvent onHangUp_;
};

} // namespace mmsd::worker
