// SPDX-License-Identifier: MIT
// Bounded reads and atomic replacement of whole files.
#pragma once

#include "common/unique_fd.h"

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace mmsd {

/** Opens with O_CLOEXEC added. @throws SysError naming @p path. */
[[nodiscard]] UniqueFd openFile(const std::string& path, int flags, mode_t mode = 0);

/** Reads a whole file.
 *  @param limit  octets; a larger file is an error (EFBIG)
 *  @throws SysError naming @p path */
[[nodiscard]] std::string readFile(const std::string& path, std::size_t limit);
/** The same from where an open file stands. @param name for messages */
[[nodiscard]] std::string readOpenFile(int fd, const std::string& name, std::size_t limit);
/** The same relative to a folder; nothing if there is no such file. */
[[nodiscard]] std::optional<std::string> readFileAt(int dirFd, const std::string& name,
                                                    std::size_t limit);

/** Replaces @p name in the folder: a reader sees the old or the new file, whole.
 *  Writes `.<name>.tmp` (at most 255 octets: long names are shortened) beside it and renames.
 *  Not synced: a power cut may lose it, a crash of the process does not.
 *  @throws SysError; the temporary file is removed */
void replaceFileAt(int dirFd, const std::string& name, std::span<const std::byte> content,
                   mode_t mode);
void replaceFileAt(int dirFd, const std::string& name, std::string_view content, mode_t mode);

/** Writes behind what @p name in the folder has; what did not get there whole stays there in part.
 *  @param size  octets that the file must have, else nothing is written
 *  @throws SysError, also if there is no such file */
void appendFileAt(int dirFd, const std::string& name, std::size_t size,
                  std::span<const std::byte> content);

/** Writes everything, retrying short writes and EINTR. @throws SysError */
void writeAll(int fd, std::span<const std::byte> content);

} // namespace mmsd
