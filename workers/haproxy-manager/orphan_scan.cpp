// SPDX-License-Identifier: MIT
// Finds HAProxy processes by their command lines, for those whose admin socket is lost.
#include "workers/haproxy-manager/orphan_scan.h"

#include "common/file_io.h"
#include "common/sys_error.h"
#include "common/text.h"

#include <dirent.h>

#include <memory>

namespace mmsd::haproxy {

bool isOurCommandLine(std::string_view commandLine, std::string_view sampleFolder) {
    const auto arguments = splitList(commandLine, '\0');
    const std::string_view prefix = sampleFolder.substr(0, sampleFolder.rfind('-') + 1);
    return arguments.size() >= 4 && arguments[1] == "-db" && arguments[2] == "-f" &&
           arguments[3].starts_with(prefix);
}

std::vector<pid_t> findOrphans(const std::string& sampleFolder) {
    std::vector<pid_t> found;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder{::opendir("/proc"), &::closedir};
    if (!folder)
        throwErrno("read /proc");
    while (const dirent* const entry = ::readdir(folder.get())) {
        const auto pid = parseNumber<pid_t>(entry->d_name);
        if (!pid)
            continue;
        try {
            constexpr std::size_t kLimit = 256u << 10;
            const std::string path = "/proc/" + std::to_string(*pid) + "/cmdline";
            if (isOurCommandLine(readFile(path, kLimit), sampleFolder))
                found.push_back(*pid);
        } catch (const SysError&) {
            // It ended, or it is none of our business.
        }
    }
    return found;
}

} // namespace mmsd::haproxy
