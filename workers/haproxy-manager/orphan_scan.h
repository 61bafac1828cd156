// SPDX-License-Identifier: MIT
// Finds HAProxy processes by their command lines, for those whose admin socket is lost or not there
// yet.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::haproxy {

/** A HAProxy that some manager started. */
struct Orphan {
    pid_t pid = -1;
    std::uint64_t generation = 0;
};

/** The generation, if this is how ProcessControl starts a HAProxy on the folder @p root; arguments
 *  end with NUL as in /proc/PID/cmdline. */
[[nodiscard]] std::optional<std::uint64_t> generationOf(std::string_view commandLine,
                                                        std::string_view root);

/** The processes of such command lines. Reads /proc: for the start only. */
[[nodiscard]] std::vector<Orphan> findOrphans(const std::string& root);

/** True if @p socketList, the text of /proc/net/unix, has a listener that was bound for the admin
 *  socket @p path by @p pid. HAProxy binds "PATH.PID.tmp" and renames that, long before it answers.
 */
[[nodiscard]] bool isSocketBound(std::string_view socketList, const std::string& path, pid_t pid);

} // namespace mmsd::haproxy
