// SPDX-License-Identifier: MIT
// Which file an app port has, by name: for who writes it and for who explains it. Pure.
#include "workers/runtime/file_names.h"

#include <algorithm>

namespace mmsd::worker {

std::string serviceName(std::string_view appId, std::size_t portIndex) {
    if (appId.starts_with('/'))
        appId.remove_prefix(1);
    std::string name{appId};
    std::ranges::replace(name, '/', '.');
    if (portIndex > 0)
        name += '-' + std::to_string(portIndex);
    return name;
}

std::string fileName(std::string_view appId, std::size_t portIndex) {
    return serviceName(appId, portIndex).append(kFileSuffix);
}

std::optional<std::string> whyUnsafe(std::string_view fileName) {
    if (fileName.size() > kMaxFileName)
        return "file name longer than " + std::to_string(kMaxFileName) + " octets";
    if (fileName.empty() || !isWordCharacter(fileName.front()))
        return "file name does not begin with a letter or digit";
    if (fileName.find("..") != std::string_view::npos)
        return "file name holds \"..\"";
    if (!std::ranges::all_of(fileName, isNameCharacter))
        return "file name holds characters other than letters, digits, '.', '_' and '-'";
    return std::nullopt;
}

} // namespace mmsd::worker
