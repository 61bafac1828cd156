// SPDX-License-Identifier: MIT
// SupervisedRun: a worker's life under the supervisor, from Hello to the end of the channel.
#pragma once

#include "common/exit_code.h"
#include "common/hang_alarm.h"
#include "common/signal_event.h"
#include "common/timer.h"
#include "protocol/channel.h"
#include "protocol/snapshot_assembler.h"
#include "workers/runtime/apply_queue.h"
#include "workers/runtime/convergence.h"
#include "workers/runtime/worker_definition.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace mmsd::worker {

/** Owns the channel and the worker; borrows everything in the context. Speaks the worker's side of
 *  the protocol: takes Hello, starts the worker, locks it in, says Ready, then does as told. */
class SupervisedRun final : public protocol::Channel::Handler {
public:
    SupervisedRun(const WorkerDefinition& definition, WorkerContext& context, UniqueFd channel);
    ~SupervisedRun() override;

    /** Runs until asked to stop or until the supervisor is gone.
     *  @throws StartError, SysError, ProtocolError by what ended it otherwise */
    ExitCode run();

    void onFrame(const protocol::FrameView& frame) override;
    void onChannelClosed(std::string_view reason) override;

private:
    void start(protocol::PayloadView hello);
    void takeSnapshotFrame(const protocol::FrameView& frame);
    void takeStatus(protocol::PayloadView wrapped);
    void onApplied(std::uint64_t generation, const protocol::SnapshotApplied& applied);
    void observeConvergence(std::uint64_t generation, const protocol::SnapshotApplied& applied);
    void sendStatusSoon();
    void sendStatus();
    void logRefusals(const std::vector<protocol::Refusal>& refusals);
    void shutDown();
    void finish(ExitCode code);

    const WorkerDefinition& definition_;
    WorkerContext& context_;
    ExitCode exitCode_ = ExitCode::Ok;
    std::set<std::string> refusalsLogged_;
    bool isStopping_ = false;

    std::unique_ptr<Worker> worker_;
    std::optional<ApplyQueue> queue_;
    protocol::SnapshotAssembler assembler_;
    std::uint64_t target_ = 0; ///< generation of the state that is to be applied
    std::string whyRefused_;   ///< what on the way there could not be taken; "" = nothing yet

    std::unique_ptr<Timer> statusTimer_;
    std::unique_ptr<Timer> stopTimer_;
    TimerFactory::TimePoint lastStatus_{};
    std::uint64_t appliedCount_ = 0;
    std::uint64_t rejectedCount_ = 0;
    std::chrono::microseconds lastDuration_{0};
    /** When what a snapshot brings was learned of (CLOCK_REALTIME), by generation, of those that
     *  are not yet applied. */
    std::map<std::uint64_t, std::chrono::microseconds> observedAt_;
    bool hasState_ = false; ///< a snapshot was applied
    ConvergenceHistogram convergence_;

    HangAlarm hangAlarm_;
    SignalEvent onTerminate_;
    SignalEvent onInterrupt_;
    SignalEvent onHangUp_;
    protocol::Channel channel_;
};

} // namespace mmsd::worker
