// SPDX-License-Identifier: MIT
// The manifest: which files of the folder mmsd wrote, and for which app. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace mmsd::confd {

/** File name → id of the app that has it. */
using Manifest = std::map<std::string, std::string, std::less<>>;

/** Begins with a dot: what reads `*.instances` does not see it. */
inline constexpr const char* kManifestName = ".mmsd-manifest";

/** One "name app-id" a line, sorted. */
[[nodiscard]] std::string formatManifest(const Manifest& manifest);

/** Lines that are not as written by formatManifest(), or name what no file of ours is called, are
 *  left out: what the manifest does not name is never removed. */
[[nodiscard]] Manifest parseManifest(std::string_view text);

} // namespace mmsd::confd
