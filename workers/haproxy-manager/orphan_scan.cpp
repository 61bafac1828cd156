// SPDX-License-Identifier: MIT
// Finds HAProxy processes by their command lines, for those whose admin socket is lost.
#include "workers/haproxy-manager/orphan_scan.h"

#include "common/file_io.h"
#include "common/sys_error.h"
#include "common/text.h"

#include <dirent.h>

#include <memory>

namespace mmsd::haproxy {

std::optional<std::uint64_t> generationOf(std::string_view commandLine, std::string_view root) {
    const auto arguments = splitList(commandLine, '\0');
    if (arguments.size() < 4 || arguments[1] != "-db" || arguments[2] != "-f")
        return std::nullopt;
    std::string_view file = arguments[3];
    for (const std::string_view part : {root, std::string_view{"/gen-"}}) {
        if (!file.starts_with(part))
            return std::nullopt;
        file.remove_prefix(part.size());
    }
    return parseNumber<std::uint64_t>(file.substr(0, file.find('/')));
}

std::vector<Orphan> findOrphans(const std::string& root) {
    std::vector<Orphan> found;
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
            if (const auto generation = generationOf(readFile(path, kLimit), root))
                found.push_back({*pid, *generation});
        } catch (const SysError&) {
            // It ended, or it is none of our business.
        }
    }
    return found;
}

bool isSocketBound(std::string_view socketList, const std::string& path, pid_t pid) {
    const std::string bound = ' ' + path + '.' + std::to_string(pid) + ".tmp\n";
    return socketList.find(bound) != std::string_view::npos;
}

} // namespace mmsd::haproxy
