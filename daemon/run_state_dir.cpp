// SPDX-License-Identifier: MIT
// Folders made as root, where a process's own user may already have been.
#include "daemon/run_state_dir.h"

#include "common/file_io.h"
#include "common/start_error.h"
#include "common/sys_error.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace mmsd::supervisor {

namespace {

constexpr int kOpenFolder = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr mode_t kPermissions = 07777;

struct stat statusOf(int fd, const std::string& name) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        throwErrno("stat " + name);
    return status;
}

} // namespace

RunStateDir::RunStateDir(const std::string& path, UniqueFd locked)
    : path_{path}, directory_{std::move(locked)} {
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
        throwErrno("make " + path);
    if (!directory_.isDefined())
        directory_ = openFile(path, O_RDONLY | kOpenFolder);
    const struct stat status = statusOf(directory_.get(), path);
    // Whoever may write here could put a link where we make a folder as root.
    if (status.st_uid != ::geteuid() || (status.st_mode & 0022) != 0)
        throw StartError{ExitCode::Permission,
                         "--run-state-dir " + path +
                             " must belong to the user who starts mmsd, and to nobody else to "
                             "write"};
    if (::flock(directory_.get(), LOCK_EX | LOCK_NB) != 0)
        throw StartError{
            ExitCode::OperatingSystem,
            "--run-state-dir " + path +
                (errno == EWOULDBLOCK ? " is in use by another mmsd" : " cannot be locked")};
    makeDirectory("pids", 0755, std::nullopt);
    pids_.reset(::openat(directory_.get(), "pids", O_PATH | kOpenFolder));
    if (!pids_.isDefined())
        throwErrno("open " + path + "/pids");
}

void RunStateDir::makeDirectory(const std::string& name, mode_t mode,
                                const std::optional<Identity>& owner) const {
    const std::string path = path_ + '/' + name;
    const Identity wanted = owner.value_or(Identity{::geteuid(), ::getegid()});
    if (::mkdirat(directory_.get(), name.c_str(), 0700) != 0 && errno != EEXIST)
        throwErrno("make " + path);
    const UniqueFd folder{::openat(directory_.get(), name.c_str(), O_PATH | kOpenFolder)};
    if (!folder.isDefined())
        throwErrno("open " + path);
    const struct stat status = statusOf(folder.get(), path);
    if (status.st_uid == wanted.uid && status.st_gid == wanted.gid &&
        (status.st_mode & kPermissions) == mode)
        return;
    // CAP_CHOWN is enough once it is ours. By its name, as a handle would need the right to read
    // it; nobody but us can put something else there.
    if (::fchownat(folder.get(), "", ::geteuid(), ::getegid(), AT_EMPTY_PATH) != 0 ||
        ::fchmodat(directory_.get(), name.c_str(), mode, 0) != 0 ||
        ::fchownat(folder.get(), "", wanted.uid, wanted.gid, AT_EMPTY_PATH) != 0)
        throwErrno("set owner and mode of " + path);
}

bool RunStateDir::writePidFile(const std::string& process, pid_t pid) const noexcept {
    const std::string name = process + ".pid";
    const std::string fresh = '.' + name;
    const UniqueFd file{::openat(pids_.get(), fresh.c_str(),
                                 O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644)};
    // Under its name it is whole.
    return file.isDefined() && ::dprintf(file.get(), "%d\n", pid) >= 0 &&
           ::renameat(pids_.get(), fresh.c_str(), pids_.get(), name.c_str()) == 0;
}

void RunStateDir::removePidFile(const std::string& process) const noexcept {
    ::unlinkat(pids_.get(), (process + ".pid").c_str(), 0);
}

} // namespace mmsd::supervisor
