// SPDX-License-Identifier: MIT
// ConfdFolder: file operations in the one folder that the writer may touch.
#include "workers/confd-writer/confd_folder.h"

#include "common/file_io.h"
#include "common/sys_error.h"
#include "workers/confd-writer/instances_file.h"
#include "workers/confd-writer/manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace mmsd::confd {

namespace {

constexpr mode_t kMode = 0644;
constexpr mode_t kPermissionBits = 07777;
/** Octets: a million files with long names; more is no manifest of ours. */
constexpr std::size_t kMaxManifest = std::size_t{256} << 20;

/** What replaceFileAt() calls the temporary files of our names, shortened ones included. */
bool isOurTemporary(std::string_view name) noexcept {
    if (!name.starts_with('.') || !name.ends_with(".tmp"))
        return false;
    const std::string_view target =
        name.substr(1, name.size() - 1 - std::string_view{".tmp"}.size());
    return target == kManifestName || (target.ends_with(kFileSuffix) && !whyUnsafe(target));
}

} // namespace

ConfdFolder::ConfdFolder(const std::string& path) : fd_{openFile(path, O_RDONLY | O_DIRECTORY)} {}

bool ConfdFolder::holds(const std::string& name, std::string_view content) const {
    struct stat status {};
    if (::fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode) || (status.st_mode & kPermissionBits) != kMode ||
        status.st_size != static_cast<off_t>(content.size()))
        return false;
    try {
        return readFileAt(fd_.get(), name, content.size()) == content;
    } catch (const SysError&) {
        return false; // unreadable, so not as it should be
    }
}

void ConfdFolder::write(const std::string& name, std::string_view content) {
    replaceFileAt(fd_.get(), name, content, kMode);
}

void ConfdFolder::remove(const std::string& name) {
    if (::unlinkat(fd_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
        throwErrno("remove " + name);
}

std::string ConfdFolder::readManifest() const {
    return readFileAt(fd_.get(), kManifestName, kMaxManifest).value_or("");
}

void ConfdFolder::removeStaleTemporaries() {
    // A descriptor of its own: reading moves the offset, which dup() would share.
    UniqueFd fd{::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    const std::unique_ptr<DIR, int (*)(DIR*)> folder{
        fd.isDefined() ? ::fdopendir(fd.get()) : nullptr, &::closedir};
    if (!folder)
        throwErrno("list the folder");
    static_cast<void>(fd.release()); // closedir() closes it

    std::vector<std::string> found;
    while (const dirent* entry = ::readdir(folder.get()))
        if (isOurTemporary(entry->d_name))
            found.emplace_back(entry->d_name);
    for (const std::string& name : found)
        remove(name);
}

} // namespace mmsd::confd
