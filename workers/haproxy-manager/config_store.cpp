// SPDX-License-Identifier: MIT
// ConfigStore: the folder with one configuration per generation.
#include "workers/haproxy-manager/config_store.h"

#include "common/file_io.h"
#include "common/log.h"
#include "common/sys_error.h"
#include "common/text.h"
#include "workers/haproxy-manager/config_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <span>
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
/** 10 000 apps with 10 instances make some 12 MB, in many files. */
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

void removeFiles(int dirFd) {
    for (const std::string& name : namesIn(dirFd))
        ::unlinkat(dirFd, name.c_str(), 0);
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

/** Whether two lists of the same app ports say the same of them. */
bool areEqual(std::span<const FragmentPtr> a, std::span<const FragmentPtr> b) {
    return std::ranges::equal(a, b,
                              [](const auto& x, const auto& y) { return x == y || *x == *y; });
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

void ConfigStore::write(std::uint64_t generation, const Config& config) const {
    removeFolder(generation);
    const std::string path = folder(generation);
    if (::mkdir(path.c_str(), kFolderMode) != 0)
        throwErrno("make " + path);
    const UniqueFd dir = openFile(path, O_RDONLY | O_DIRECTORY);
    for (const auto& [name, content] : config.maps)
        replaceFileAt(dir.get(), name, content, kFileMode);
    replaceFileAt(dir.get(), std::string{kStateFile}, kNoStates, kFileMode);
    replaceFileAt(dir.get(), std::string{kTailFile}, config.tail, kFileMode);
    if (const std::size_t count = appFileCount(config.fragments.size()); count != 0) {
        const std::string apps = path + '/' + std::string{kAppFolder};
        if (::mkdir(apps.c_str(), kFolderMode) != 0)
            throwErrno("make " + apps);
        const UniqueFd appDir = openFile(apps, O_RDONLY | O_DIRECTORY);
        for (std::size_t i = 0; i < count; ++i)
            replaceFileAt(appDir.get(), appFileName(i),
                          renderFragments(appFileFragments(config.fragments, i)), kFileMode);
    }
    // Last: a folder without it is no whole one.
    replaceFileAt(dir.get(), std::string{kConfigFile}, configFileText(config), kFileMode);
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
    if (!isCut(after.fragments.size())) {
        if (!areEqual(before.fragments, after.fragments))
            replaceFileAt(dir.get(), std::string{kConfigFile}, configFileText(after), kFileMode);
        return;
    }
    UniqueFd appDir;
    for (std::size_t i = 0; i < appFileCount(after.fragments.size()); ++i) {
        const auto fragments = appFileFragments(after.fragments, i);
        if (areEqual(appFileFragments(before.fragments, i), fragments))
            continue;
        if (!appDir.isDefined())
            appDir = openFile(folder(generation) + '/' + std::string{kAppFolder},
                              O_RDONLY | O_DIRECTORY);
        replaceFileAt(appDir.get(), appFileName(i), renderFragments(fragments), kFileMode);
    }
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
        auto text = readFileAt(dir.get(), std::string{kConfigFile}, kFileLimit);
        if (!text)
            return std::nullopt;
        for (std::size_t i = 0;; ++i) {
            const std::string name = std::string{kAppFolder} + '/' + appFileName(i);
            const auto part = readFileAt(dir.get(), name, kFileLimit);
            if (!part)
                break;
            text->append(*part);
        }
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
        const std::string apps{kAppFolder};
        if (const UniqueFd appDir{
                ::openat(dir.get(), apps.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
            appDir.isDefined())
            removeFiles(appDir.get());
        ::unlinkat(dir.get(), apps.c_str(), AT_REMOVEDIR);
        removeFiles(dir.get());
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
