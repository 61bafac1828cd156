// SPDX-License-Identifier: MIT
// RunStateDir: the folder in which the processes keep their files.
#pragma once

#include "common/privileges.h"
#include "common/unique_fd.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace mmsd::supervisor {

/** Owns --run-state-dir, locked against a second mmsd, and pids/ in it. Only we write to both. */
class RunStateDir {
public:
    /** Makes the folder (0755) if it is missing; one that exists must be ours alone to write.
     *  @param locked a handle of it that has the lock already, or none
     *  @throws StartError, SysError */
    explicit RunStateDir(const std::string& path, UniqueFd locked = {});

    /** The handle with the lock, borrowed. */
    [[nodiscard]] int lock() const noexcept { return directory_.get(); }

    /** Makes a folder for one process, or gives it the right owner and mode. @throws SysError */
    void makeDirectory(const std::string& name, mode_t mode,
                       const std::optional<Identity>& owner) const;

    /** Writes pids/<process>.pid. @return false with errno if that cannot be done now */
    [[nodiscard]] bool writePidFile(const std::string& process, pid_t pid) const noexcept;
    void removePidFile(const std::string& process) const noexcept;

private:
    std::string path_;
    UniqueFd directory_;
    UniqueFd pids_;
};

} // namespace mmsd::supervisor
