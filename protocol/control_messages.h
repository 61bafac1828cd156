// SPDX-License-Identifier: MIT
// Control messages: everything but the app data, as plain values with their codecs.
#pragma once

#include "common/log.h"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::protocol {

using Payload = std::vector<std::byte>;
using PayloadView = std::span<const std::byte>;

/** An inherited socket: what it is for, and its descriptor number in the receiver. */
struct SocketRole {
    std::uint8_t fd = 0;
    std::string role; ///< "api-tcp", "dns-udp", "dns-tcp"
};

/** First message to every process. */
struct Hello {
    std::uint32_t version = 0; ///< kProtocolVersion of the sender
    std::string process;       ///< the receiver's name in the worker table
    LogLevel logLevel = LogLevel::Info;
    std::uint64_t lastGeneration = 0; ///< the watcher's next generation must be higher
    std::vector<SocketRole> sockets;
};

/** The answer to Hello, sent when the sandbox is up: nothing dangerous follows. */
struct Ready {
    std::uint32_t version = 0;
    bool hasSyscallFilter = false;
    std::uint8_t landlockAbi = 0; ///< 0 = the kernel has none, or it goes without
};

/** Opens a snapshot transaction and drops an unfinished one. */
struct SnapshotBegin {
    std::uint32_t version = 0;  ///< so that a snapshot file tells its format
    std::uint64_t base = 0;     ///< generation that this one changes; 0 = it brings the whole state
    std::uint32_t appCount = 0; ///< that follow
    std::uint32_t instanceCount = 0;
    std::uint64_t payloadBytes = 0; ///< of all frames up to SnapshotEnd
    /** CLOCK_REALTIME, µs: when the change was learned of; for convergence times. */
    std::uint64_t observedAtUs = 0;
    std::string cause; ///< "status_update_event /a/b", "resync", …
};

/** What a whole state adds up to, however it came about. */
struct StateTotals {
    std::uint32_t appCount = 0;
    std::uint32_t instanceCount = 0;
    std::uint64_t checksum = 0; ///< sum of the apps' checksums, modulo 2^64

    bool operator==(const StateTotals&) const = default;
};

/** Closes it; the first three members repeat SnapshotBegin. */
struct SnapshotEnd {
    std::uint32_t appCount = 0;
    std::uint32_t instanceCount = 0;
    std::uint64_t payloadBytes = 0;
    std::uint64_t checksum = 0; ///< of the payloads that came
    StateTotals state{};        ///< after this transaction
};

enum class ApplyResult : std::uint8_t { Applied, Unchanged, Rejected };
[[nodiscard]] std::string_view toString(ApplyResult result) noexcept;

/** A worker has dealt with the snapshot named by the frame's generation. */
struct SnapshotApplied {
    ApplyResult result = ApplyResult::Applied;
    std::chrono::microseconds duration{0}; ///< from the last frame's arrival
    std::string text;                      ///< why rejected
};

/** Where a process stands in its life. */
enum class Phase : std::uint8_t { Starting, Running, Stopping, BackingOff, Stopped };
[[nodiscard]] std::string_view toString(Phase phase) noexcept;

/** The supervisor's view of one process. */
struct ProcessInfo {
    std::string name;
    std::uint32_t pid = 0; ///< 0 when not running
    Phase phase = Phase::Stopped;
    std::uint64_t generation = 0; ///< last generation it reported as applied or unchanged
    std::uint32_t restarts = 0;
    std::uint64_t startedAtUs = 0; ///< CLOCK_MONOTONIC, µs; 0 = never
    std::uint64_t appliedAtUs = 0; ///< CLOCK_MONOTONIC, µs; 0 = never
    std::string lastResult;        ///< "applied", "rejected: …", or how its last run ended
};

struct ProcessStatus {
    std::uint64_t generation = 0; ///< newest snapshot that the supervisor holds
    std::vector<ProcessInfo> processes;
};

/** How the watcher stands with Marathon, in a form that the supervisor may read. */
enum class SourceState : std::uint8_t { Connecting, Connected, Unreachable };
[[nodiscard]] std::string_view toString(SourceState state) noexcept;

struct SourceStatus {
    SourceState state = SourceState::Connecting;
    std::string text; ///< for STATUS= and log: which master, or what failed
};

/** A metric of a process; rendered as mmsd_<name>{process="…",<labels>} by the api-server. */
struct Metric {
    enum class Kind : std::uint8_t { Counter, Gauge };
    std::string name; ///< [a-z][a-z0-9_]*, base units, no prefix
    Kind kind = Kind::Gauge;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
};

/** By which rule a process left something out. */
enum class RefusalRule : std::uint8_t {
    Other,         ///< the reason tells
    Conflict,      ///< another app port has the service port or the name
    OwnPort,       ///< a port that mmsd uses itself
    NoServicePort, ///< nothing to serve it on
    InvalidValue,  ///< a label, name, path or id that is not of its form
    Quarantined,   ///< HAProxy refuses its configuration
    PortBusy,      ///< another program has the port
    Limit,         ///< more than fit
};
[[nodiscard]] std::string_view toString(RefusalRule rule) noexcept;

/** Something of an app that a process could not use, and why. */
struct Refusal {
    std::string appId;
    std::uint16_t portIndex = 0; ///< kWholeApp: not one port
    std::string reason;
    RefusalRule rule = RefusalRule::Other;
    bool isPartial = false; ///< the port is served all the same, without this
};
inline constexpr std::uint16_t kWholeApp = 0xffff;

/** A process's own report; the supervisor relays it undecoded to the api-server, where it
 *  arrives with the process's name in front. */
struct StatusReport {
    std::vector<Metric> metrics;
    std::vector<Refusal> refusals;
    std::uint32_t omittedRefusals = 0; ///< how many did not fit in kMaxStatusReport
};

[[nodiscard]] Payload encode(const Hello& message);
[[nodiscard]] Payload encode(const Ready& message);
[[nodiscard]] Payload encode(const SnapshotBegin& message);
[[nodiscard]] Payload encode(const SnapshotEnd& message);
[[nodiscard]] Payload encode(const SnapshotApplied& message);
[[nodiscard]] Payload encode(const ProcessStatus& message);
[[nodiscard]] Payload encode(const SourceStatus& message);
/** Ping, Pong: a token that comes back. */
[[nodiscard]] Payload encodeToken(std::uint64_t token);
[[nodiscard]] Payload encodeLogLevel(LogLevel level);
/** Cuts refusals, then metrics, to kMaxStatusReport and counts what it left out. */
[[nodiscard]] Payload encode(const StatusReport& report);
/** What the supervisor sends on: the process's name, then its report as it came. */
[[nodiscard]] Payload wrapStatus(std::string_view process, PayloadView report);

// Encoders throw ProtocolError where a value exceeds its limit, but clean and cut free texts.
// Decoders throw ProtocolError on anything that the encoder would not write. After another
// version than kProtocolVersion, decodeHello and decodeReady leave all other members alone:
// the caller compares it and names the mixed package.
[[nodiscard]] Hello decodeHello(PayloadView payload);
[[nodiscard]] Ready decodeReady(PayloadView payload);
[[nodiscard]] SnapshotBegin decodeSnapshotBegin(PayloadView payload);
[[nodiscard]] SnapshotEnd decodeSnapshotEnd(PayloadView payload);
[[nodiscard]] SnapshotApplied decodeSnapshotApplied(PayloadView payload);
[[nodiscard]] ProcessStatus decodeProcessStatus(PayloadView payload);
[[nodiscard]] SourceStatus decodeSourceStatus(PayloadView payload);
[[nodiscard]] std::uint64_t decodeToken(PayloadView payload);
[[nodiscard]] LogLevel decodeLogLevel(PayloadView payload);
[[nodiscard]] StatusReport decodeStatusReport(PayloadView payload);
/** Splits what wrapStatus joined; the report is borrowed from @p payload. */
[[nodiscard]] std::pair<std::string, PayloadView> unwrapStatus(PayloadView payload);

} // namespace mmsd::protocol
