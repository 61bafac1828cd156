// SPDX-License-Identifier: MIT
// Every limit of the protocol, with its unit and its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mmsd::protocol {

/** Bumped with every change of bytes; the golden frames fail otherwise. */
inline constexpr std::uint32_t kProtocolVersion = 3;

/** Octets of one payload: small enough that a frame never needs a large allocation. */
inline constexpr std::size_t kMaxPayload = 65'536;
inline constexpr std::size_t kHeaderSize = 16;

/** Octets of one string on the wire; its length field is 16 bits. */
inline constexpr std::size_t kMaxString = 65'535;

/** Octets of all frames of one snapshot: 10 000 apps × 10 instances need about 20 MB. */
inline constexpr std::size_t kMaxSnapshotBytes = 256u << 20;
/** How far a generation may be above the one before: a watcher that jumps further ahead would leave
 *  no numbers for its successors. */
inline constexpr std::uint64_t kMaxGenerationStep = std::uint64_t{1} << 32;
/** Snapshots that lead from a whole state to the newest, and that one. */
inline constexpr std::size_t kMaxChain = 4'096;
inline constexpr std::uint32_t kMaxApps = 65'536;
inline constexpr std::uint32_t kMaxInstances = 1'048'576;
inline constexpr std::size_t kMaxInstancesPerApp = 65'536;

/** Octets of an app id: what fits in a file name with "-65535.instances" behind it. */
inline constexpr std::size_t kMaxAppId = 230;
/** Octets of key plus value of one label; longer ones serve nobody here and are dropped. */
inline constexpr std::size_t kMaxLabel = 4'096;
/** Octets of all labels of an app and its ports together, so that an app fits in one frame. */
inline constexpr std::size_t kMaxLabelBytesPerApp = 40'960;
inline constexpr std::size_t kMaxLabelsPerApp = 512;
/** Port indices of an app; each costs up to a few hundred octets of the app's frame. */
inline constexpr std::size_t kMaxPortsPerApp = 64;
/** Addresses kept of one host name or one task: more than four serve no output. */
inline constexpr std::size_t kMaxAddresses = 4;
inline constexpr std::size_t kMaxAppVersion = 64;   ///< octets, an ISO 8601 time
inline constexpr std::size_t kMaxHostName = 255;    ///< octets, RFC 1035 §2.3.4
inline constexpr std::size_t kMaxTaskId = 512;      ///< octets, also of an agent's id
inline constexpr std::size_t kMaxPortName = 63;     ///< octets, one DNS label
inline constexpr std::size_t kMaxCheckPath = 1'024; ///< octets
inline constexpr std::size_t kMaxProblemsPerApp = 16;
inline constexpr std::size_t kMaxProblemText = 256; ///< octets

inline constexpr std::size_t kMaxStatusText = 512; ///< octets of any free text in control messages
/** Octets of a worker's status report: fits in a frame together with the process name. */
inline constexpr std::size_t kMaxStatusReport = 61'440;
inline constexpr std::size_t kMaxMetricName = 100; ///< octets, also of a label's name
inline constexpr std::size_t kMaxMetricLabels = 8;
inline constexpr std::size_t kMaxMetricLabelValue = 256; ///< octets: an app id fits
inline constexpr std::size_t kMaxMetrics = 2'048;
inline constexpr std::size_t kMaxRefusals = 2'048;
inline constexpr std::size_t kMaxProcessName = 32; ///< octets
inline constexpr std::size_t kMaxSocketRoles = 16;
/** Number of the first inherited socket; 3 is the channel. */
inline constexpr std::uint8_t kFirstSocketFd = 4;
inline constexpr std::size_t kMaxProcesses = 32;

/** Octets of control frames that may wait for a slow peer; more means that it hangs. */
inline constexpr std::size_t kMaxQueuedControlBytes = 1u << 20;

} // namespace mmsd::protocol
