// SPDX-License-Identifier: MIT
// ConfdWriter: keeps a folder of upstream files in line with the state.
#include "workers/confd-writer/confd_writer.h"

#include "common/log.h"
#include "common/sys_error.h"
#include "workers/confd-writer/instances_file.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace mmsd::confd {

namespace {

constexpr std::chrono::milliseconds kFirstRetry{1'000};
constexpr std::chrono::milliseconds kLastRetry{30'000};

std::size_t hashOf(std::string_view content) noexcept {
    return std::hash<std::string_view>{}(content);
}

} // namespace

ConfdWriter::ConfdWriter(const std::string& folder, TimerFactory& timers)
    : folder_{folder}, retryTimer_{timers.create([this] { work(); })}, retryDelay_{kFirstRetry} {
    try {
        manifest_ = parseManifest(folder_.readManifest());
    } catch (const SysError& error) {
        logWarning("manifest not read, files of earlier runs stay", {{"reason", error.what()}});
    }
    for (const auto& [name, appId] : manifest_)
        plan_.remember(name, appId);
    try {
        folder_.removeStaleTemporaries();
    } catch (const SysError& error) {
        logWarning("temporary files of earlier runs stay", {{"reason", error.what()}});
    }
}

void ConfdWriter::Pass::note(const SysError& error) {
    if (failed++ == 0)
        firstFailure = error.what();
}

void ConfdWriter::apply(std::shared_ptr<const protocol::Snapshot> snapshot,
                        worker::ApplyDone done) {
    for (std::string& name : plan_.update(std::move(snapshot)))
        pending_.insert(std::move(name));
    done(work());
}

void ConfdWriter::reapply(worker::ApplyDone done) {
    isManifestKnown_ = false;
    files_.clear();
    for (std::string& name : plan_.names())
        pending_.insert(std::move(name));
    try {
        folder_.removeStaleTemporaries();
    } catch (const SysError& error) {
        logWarning("stale temporary files stay", {{"reason", error.what()}});
    }
    done(work());
}

worker::ApplyOutcome ConfdWriter::work() {
    Pass pass;
    recordOwners(pass);
    writeOrRemove(pass);
    writeErrors_ += pass.failed;
    tellAndRetry(pass);
    if (pass.failed > 0)
        return {protocol::ApplyResult::Applied,
                std::to_string(pass.failed) +
                    " failed, will be retried; first: " + pass.firstFailure};
    return {pass.changed > 0 ? protocol::ApplyResult::Applied : protocol::ApplyResult::Unchanged,
            ""};
}

/** Writes the manifest before any file that is not in it, so that a crash in between leaves no
 *  file that nobody would ever remove. */
void ConfdWriter::recordOwners(Pass& pass) {
    std::vector<std::pair<std::string, std::string>> additions;
    for (const std::string& name : pending_) {
        const Claim* claim = plan_.owner(name);
        const auto recorded = manifest_.find(name);
        if (claim != nullptr && (recorded == manifest_.end() || recorded->second != claim->app->id))
            additions.emplace_back(name, claim->app->id);
    }
    if (isManifestKnown_ && additions.empty())
        return;
    Manifest wanted = manifest_;
    for (auto& [name, appId] : additions)
        wanted[name] = std::move(appId);
    recordManifest(std::move(wanted), pass);
}

void ConfdWriter::writeOrRemove(Pass& pass) {
    std::vector<std::string> removed;
    std::erase_if(pending_, [&](const std::string& name) {
        const Claim* claim = plan_.owner(name);
        const bool isRecorded = manifest_.contains(name);
        if (claim != nullptr && !isRecorded)
            return false; // the manifest could not be written: not yet
        try {
            if (claim != nullptr) {
                pass.changed += put(name, *claim) ? 1 : 0;
            } else if (isRecorded) {
                folder_.remove(name);
                files_.erase(name);
                removed.push_back(name);
            }
            return true;
        } catch (const SysError& error) {
            pass.note(error);
            return false;
        }
    });
    pass.changed += removed.size();
    removals_ += removed.size();
    if (removed.empty())
        return;
    Manifest wanted = manifest_;
    for (const std::string& name : removed)
        wanted.erase(name);
    if (!recordManifest(std::move(wanted), pass)) // tried again as if they were still there
        pending_.insert(removed.begin(), removed.end());
}

/** @return whether the file was written; not where it was equal. */
bool ConfdWriter::put(const std::string& name, const Claim& claim) {
    InstancesFile file = renderInstancesFile(*claim.app, claim.portIndex);
    const std::size_t hash = hashOf(file.content);
    const auto known = files_.find(name);
    const bool isEqual = known != files_.end() ? known->second.contentHash == hash
                                               : folder_.holds(name, file.content);
    if (!isEqual) {
        // Unknown until the write has succeeded.
        if (known != files_.end())
            files_.erase(known);
        folder_.write(name, file.content);
        ++writes_;
    }
    files_[name] = {hash, std::move(file.complaints)};
    return !isEqual;
}

/** @return whether the manifest on disk says @p wanted now. */
bool ConfdWriter::recordManifest(Manifest wanted, Pass& pass) {
    try {
        const std::string text = formatManifest(wanted);
        if (isManifestKnown_ || !folder_.holds(kManifestName, text))
            folder_.write(kManifestName, text);
        manifest_ = std::move(wanted);
        isManifestKnown_ = true;
        return true;
    } catch (const SysError& error) {
        pass.note(error);
        return false;
    }
}

void ConfdWriter::tellAndRetry(const Pass& pass) {
    if (pass.changed > 0)
        logDebug("files changed", {{"count", pass.changed}});
    if (pass.failed == 0) {
        if (!std::exchange(lastFailure_, "").empty())
            logInfo("all files written after failures");
        retryDelay_ = kFirstRetry;
        retryTimer_->stop();
        return;
    }
    if (lastFailure_ != pass.firstFailure)
        logError("files cannot be written, will be retried",
                 {{"count", pass.failed}, {"reason", pass.firstFailure}});
    lastFailure_ = pass.firstFailure;
    if (!retryTimer_->isActive()) {
        retryTimer_->start(retryDelay_);
        retryDelay_ = std::min(retryDelay_ * 2, kLastRetry);
    }
}

protocol::StatusReport ConfdWriter::report() const {
    using enum protocol::Metric::Kind;
    const auto number = [](auto value) { return static_cast<double>(value); };
    protocol::StatusReport report;
    report.metrics = {
        {"confd_files", Gauge, {}, number(files_.size())},
        {"confd_pending_files", Gauge, {}, number(pending_.size())},
        {"confd_writes_total", Counter, {}, number(writes_)},
        {"confd_removals_total", Counter, {}, number(removals_)},
        {"confd_write_errors_total", Counter, {}, number(writeErrors_)},
    };
    report.refusals = plan_.refusals();
    for (const auto& [name, state] : files_) {
        const Claim* claim = state.complaints.empty() ? nullptr : plan_.owner(name);
        for (const std::string& complaint : state.complaints)
            if (claim != nullptr)
                report.refusals.push_back({claim->app->id, claim->portIndex, complaint,
                                           protocol::RefusalRule::InvalidValue, true});
    }
    return report;
}

} // namespace mmsd::confd
