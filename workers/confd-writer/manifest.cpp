// SPDX-License-Identifier: MIT
// The manifest: which files of the folder mmsd wrote, and for which app. Pure.
#include "workers/confd-writer/manifest.h"

#include "common/text.h"
#include "workers/confd-writer/instances_file.h"

namespace mmsd::confd {

std::string formatManifest(const Manifest& manifest) {
    std::string text;
    for (const auto& [name, appId] : manifest)
        text.append(name).append(" ").append(appId).append("\n");
    return text;
}

Manifest parseManifest(std::string_view text) {
    Manifest manifest;
    for (const std::string_view line : splitList(text, '\n')) {
        const std::size_t blank = line.find(' ');
        const std::string_view name = line.substr(0, blank);
        if (blank == std::string_view::npos || !name.ends_with(kFileSuffix) || whyUnsafe(name))
            continue;
        manifest.emplace(name, line.substr(blank + 1));
    }
    return manifest;
}

} // namespace mmsd::confd
