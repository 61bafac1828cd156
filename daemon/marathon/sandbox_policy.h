// SPDX-License-Identifier: MIT
// What mmsd-marathon-watcher may ask of the kernel and of the disk.
#pragma once

#include <string>
#include <vector>

namespace mmsd::marathon {

struct SandboxPaths {
    std::vector<std::string> readable;
    std::vector<std::string> writable;
};

/** Sets limits, then Landlock, then the system call filter; there is no way back.
 *  @return the Landlock ABI in force, 0 = the kernel has none
 *  @throws if any step fails: the process must end */
int enterSandbox(const SandboxPaths& paths);

} // namespace mmsd::marathon
