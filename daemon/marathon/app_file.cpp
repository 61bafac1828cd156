// SPDX-License-Identifier: MIT
// Apps from a file with Marathon's JSON.
#include "daemon/marathon/app_file.h"

#include "common/file_io.h"
#include "common/sys_error.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace mmsd::marathon {

void readAppFile(const std::string& path, const AppScanner::OnApp& onApp) {
    constexpr std::size_t kChunk = 1u << 20;
    AppScanner scanner{AppScanner::Shape::Any, onApp};
    const UniqueFd fd = openFile(path, O_RDONLY);
    std::string chunk(kChunk, '\0');
    for (;;) {
        const ssize_t count = ::read(fd.get(), chunk.data(), chunk.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throwErrno("read " + path);
        if (count == 0)
            break;
        scanner.feed({chunk.data(), static_cast<std::size_t>(count)});
    }
    scanner.finish();
    if (!scanner.isPlainObject())
        return;
    const std::string text = readFile(path, kMaxAppJson);
    if (!JsonDocument::parse(text).root()["id"].string())
        throw JsonError{"neither apps nor an app with an id"};
    onApp(text);
}

} // namespace mmsd::marathon
