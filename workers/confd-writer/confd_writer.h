// SPDX-License-Identifier: MIT
// ConfdWriter: keeps a folder of upstream files in line with the state.
#pragma once

#include "common/sys_error.h"
#include "common/timer.h"
#include "workers/confd-writer/confd_folder.h"
#include "workers/confd-writer/file_plan.h"
#include "workers/confd-writer/manifest.h"
#include "workers/runtime/worker.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace mmsd::confd {

/** The worker of mmsd-confd-writer. Owns the folder's descriptor and the knowledge of what is in
 *  it; no sockets. A file that cannot be written is retried, the others go on. */
class ConfdWriter final : public worker::Worker {
public:
    /** @throws SysError if the folder cannot be opened */
    ConfdWriter(const std::string& folder, TimerFactory& timers);

    void apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) override;
    /** Compares every file with the disk and repairs what differs. */
    void reapply(worker::ApplyDone done) override;
    [[nodiscard]] protocol::StatusReport report() const override;

private:
    /** What is known of a file that was written or found equal. */
    struct FileState {
        std::size_t contentHash = 0;
        std::vector<std::string> complaints;
    };
    struct Pass {
        std::size_t changed = 0;
        std::size_t failed = 0;
        std::string firstFailure;
        void note(const SysError& error);
    };

    worker::ApplyOutcome work();
    void recordOwners(Pass& pass);
    void writeOrRemove(Pass& pass);
    bool put(const std::string& name, const Claim& claim);
    bool recordManifest(Manifest wanted, Pass& pass);
    void tellAndRetry(const Pass& pass);

    ConfdFolder folder_;
    FilePlan plan_;
    Manifest manifest_;
    bool isManifestKnown_ = false; ///< manifest_ is what is on disk
    std::unordered_map<std::string, FileState> files_;
    /** Names whose file on disk may differ from the plan. */
    std::set<std::string> pending_;

    std::unique_ptr<Timer> retryTimer_;
    std::chrono::milliseconds retryDelay_;
    std::string lastFailure_; ///< so that a lasting one is told once
    std::uint64_t writes_ = 0;
    std::uint64_t removals_ = 0;
    std::uint64_t writeErrors_ = 0;
};

} // namespace mmsd::confd
