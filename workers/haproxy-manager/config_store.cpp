// SPDX-License-Identifier: MIT
// ConfigStore: the folder with one configuration per generation.
#include "workers/haproxy-manager/config_store.h"

#include "common/file_io.h"
#include "common/log.h"
#include "common/sys_error.h"
#include "common/text.h"
#include "workers/haproxy-manager/check_output.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string_view>

namespace mmsd::haproxy {

namespace {

constexpr mode_t kFileMode = 0640;
constexpr mode_t kFolderMode = 0750;
constexpr const char* kCurrentLink = "current";
constexpr std::string_view kFolderPrefix = "gen-";
constexpr std::string_view kSocketPrefix = "haproxy-";
constexpr std::string_view kSocketSuffix = ".sock";
constexpr std::string_view kStateFile = "server-state";
constexpr std::string_view kNoStates = "1\n"; ///< only the format's version
/** 10 000 apps with 10 instances make some 12 MB. */
constexpr std::size_t kFileLimit = 256u << 20;
constexpr std::size_t kTailLimit = 1u << 20;
constexpr std::array<std::string_view, 4> kMaps{kHttpMap, kHttpSuffixMap, kTlsMap, kTlsSuffixMap};

/** Names in a folder, without "." and "..". */
std::vector<std::string> namesIn(int dirFd) {
    UniqueFd fd{::openat(dirFd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd.isDefined())
        throwErrno("open a folder");
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{::fdopendir(fd.get()), &::closedir};
    if (!stream)
        throwErrno("read a folder");
    static_cast<void>(fd.release());
    std::vector<std::string> names;
    while (const dirent* const entry = ::readdir(stream.get()))
        if (const std::string_view name = entry->d_name; name != "." && name != "..")
            names.emplace_back(name);
    return names;
}

/** The number between prefix and suffix. */
std::optional<std::uint64_t> numberIn(std::string_view name, std::string_view prefix,
                                      std::string_view suffix) {
    if (!name.starts_with(prefix) || !name.ends_with(suffix) ||
        name.size() <= prefix.size() + suffix.size())
        return std::nullopt;
    name.remove_prefix(prefix.size());
    name.remove_suffix(suffix.size());
    return parseNumber<std::uint64_t>(name);
}

void replaceLink(int dirFd, const std::string& name, const std::string& target) {
    const std::string temporary = '.' + name + ".tmp";
    ::unlinkat(dirFd, temporary.c_str(), 0);
    if (::symlinkat(target.c_str(), dirFd, temporary.c_str()) != 0 ||
        ::renameat(dirFd, temporary.c_str(), dirFd, name.c_str()) != 0)
        throwErrno("link " + name);
}

} // namespace

ConfigStore::ConfigStore(std::string root) : root_{std::move(root)} {
    rootFd_ = openFile(root_, O_RDONLY | O_DIRECTORY);
    struct stat status {};
    if (::fstat(rootFd_.get(), &status) != 0)
        throwErrno("stat " + root_);
    // Whoever can write here decides what HAProxy does.
    if (status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        throwErrno(root_ + " must belong to this user and be writable by nobody else", EACCES);
}

std::string ConfigStore::folder(std::uint64_t generation) const {
    return root_ + '/' + std::string{kFolderPrefix} + std::to_string(generation);
}

std::string ConfigStore::socketPath(std::uint64_t generation) const {
    return root_ + '/' + std::string{kSocketPrefix} + std::to_string(generation) +
           std::string{kSocketSuffix};
}

bool ConfigStore::hasFiles(std::uint64_t generation) const noexcept {
    const std::string path =
        std::string{kFolderPrefix} + std::to_string(generation) + '/' + std::string{kConfigFile};
    return ::faccessat(rootFd_.get(), path.c_str(), R_OK, 0) == 0;
}

bool ConfigStore::isCurrent(std::uint64_t generation) const noexcept {
    std::array<char, 64> target{};
    const ssize_t size =
        ::readlinkat(rootFd_.get(), kCurrentLink, target.data(), target.size() - 1);
    return size > 0 && numberIn({target.data(), static_cast<std::size_t>(size)}, kFolderPrefix,
                                "") == generation;
}

std::vector<std::uint64_t> ConfigStore::generations() const {
    std::vector<std::uint64_t> found;
    for (const std::string& name : namesIn(rootFd_.get())) {
        if (const auto number = numberIn(name, kSocketPrefix, kSocketSuffix))
            found.push_back(*number);
        else if (const auto folderNumber = numberIn(name, kFolderPrefix, ""))
            found.push_back(*folderNumber);
    }
    std::ranges::sort(found, std::greater<>{});
    const auto rest = std::ranges::unique(found);
    found.erase(rest.begin(), rest.end());
    return found;
}

void ConfigStore::write(std::uint64_t generation, const Config& config,
                        const std::string& text) const {
    removeFolder(generation);
    const std::string path = folder(generation);
    if (::mkdir(path.c_str(), kFolderMode) != 0)
        throwErrno("make " + path);
    const UniqueFd dir = openFile(path, O_RDONLY | O_DIRECTORY);
    for (const auto& [name, content] : config.maps)
        replaceFileAt(dir.get(), name, content, kFileMode);
    replaceFileAt(dir.get(), std::string{kStateFile}, kNoStates, kFileMode);
    replaceFileAt(dir.get(), std::string{kTailFile}, config.tail, kFileMode);
    replaceFileAt(dir.get(), std::string{kConfigFile}, text, kFileMode);
}

void ConfigStore::writeServerStates(std::uint64_t generation, const std::string& states) const {
    const UniqueFd dir = openFile(folder(generation), O_RDONLY | O_DIRECTORY);
    replaceFileAt(dir.get(), std::string{kStateFile}, states, kFileMode);
}

void ConfigStore::update(std::uint64_t generation, const Config& before,
                         const Config& after) const {
    const UniqueFd dir = openFile(folder(generation), O_RDONLY | O_DIRECTORY);
    for (const auto& [name, content] : after.maps) {
        const auto old = before.maps.find(name);
        if (old == before.maps.end() || old->second != content)
            replaceFileAt(dir.get(), name, content, kFileMode);
    }
    if (before.fragments != after.fragments)
        replaceFileAt(dir.get(), std::string{kConfigFile}, render(after).text, kFileMode);
}

void ConfigStore::makeCurrent(std::uint64_t generation) const {
    replaceLink(rootFd_.get(), kCurrentLink,
                std::string{kFolderPrefix} + std::to_string(generation));
    replaceLink(rootFd_.get(), std::string{kConfigFile},
                std::string{kCurrentLink} + '/' + std::string{kConfigFile});
    for (const std::string& name : namesIn(rootFd_.get()))
        if (const auto number = numberIn(name, kFolderPrefix, ""); number && *number != generation)
            removeFolder(*number);
}

std::optional<Config> ConfigStore::load(std::uint64_t generation) const {
    try {
        const UniqueFd dir = openFile(folder(generation), O_RDONLY | O_DIRECTORY);
        const auto text = readFileAt(dir.get(), std::string{kConfigFile}, kFileLimit);
        if (!text)
            return std::nullopt;
        Config config = parseConfig(*text);
        for (const std::string_view name : kMaps)
            if (auto content = readFileAt(dir.get(), std::string{name}, kFileLimit))
                config.maps.emplace(name, *std::move(content));
        config.tail = readFileAt(dir.get(), std::string{kTailFile}, kTailLimit).value_or("");
        return config;
    } catch (const SysError& error) {
        logWarning("configuration of a running HAProxy cannot be read",
                   {{"generation", generation}, {"reason", error.what()}});
        return std::nullopt;
    }
}

void ConfigStore::removeFolder(std::uint64_t generation) const noexcept {
    try {
        const std::string name = std::string{kFolderPrefix} + std::to_string(generation);
        const UniqueFd dir{
            ::openat(rootFd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
        if (!dir.isDefined())
            return;
        for (const std::string& file : namesIn(dir.get()))
            ::unlinkat(dir.get(), file.c_str(), 0);
        ::unlinkat(rootFd_.get(), name.c_str(), AT_REMOVEDIR);
    } catch (const std::exception& error) {
        logWarning("old configuration stays on disk",
                   {{"generation", generation}, {"reason", error.what()}});
    }
}

void ConfigStore::removeSocket(std::uint64_t generation) const noexcept {
    ::unlink(socketPath(generation).c_str());
}

std::string readTail(const std::string& path) {
    if (path.empty())
        return {};
    std::string text;
    try {
        text = readFile(path, kTailLimit);
    } catch (const SysError& error) {
        if (error.code().value() != ENOENT)
            throw;
    }
    // Without the last line end HAProxy refuses the file.
    if (!text.empty() && !text.ends_with('\n'))
        text += '\n';
    return text;
}

} // namespace mmsd::haproxy
