// SPDX-License-Identifier: MIT
// Bounded reads and atomic replacement of whole files.
#include "common/file_io.h"

#include "common/sys_error.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mmsd {

namespace {

/** Removes a temporary file unless it was renamed. */
class TemporaryFile {
public:
    TemporaryFile(int dirFd, std::string name) : dirFd_{dirFd}, name_{std::move(name)} {
        constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        fd_.reset(::openat(dirFd_, name_.c_str(), kFlags, 0600));
        // Left by a writer that died: once out of the way, a second EEXIST is an error.
        if (!fd_.isDefined() && errno == EEXIST && ::unlinkat(dirFd_, name_.c_str(), 0) == 0)
            fd_.reset(::openat(dirFd_, name_.c_str(), kFlags, 0600));
        if (!fd_.isDefined())
            throwErrno("create " + name_);
    }
    ~TemporaryFile() {
        if (!isRenamed_)
            ::unlinkat(dirFd_, name_.c_str(), 0);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    void renameTo(const std::string& target) {
        // Some file systems report a full disk or quota only here.
        if (::close(fd_.release()) != 0)
            throwErrno("close " + name_);
        if (::renameat(dirFd_, name_.c_str(), dirFd_, target.c_str()) != 0)
            throwErrno("rename to " + target);
        isRenamed_ = true;
    }

private:
    int dirFd_;
    std::string name_;
    UniqueFd fd_;
    bool isRenamed_ = false;
};

} // namespace

UniqueFd openFile(const std::string& path, int flags, mode_t mode) {
    UniqueFd fd{::open(path.c_str(), flags | O_CLOEXEC, mode)};
    if (!fd.isDefined())
        throwErrno("open " + path);
    return fd;
}

std::string readOpenFile(int fd, const std::string& name, std::size_t limit) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        throwErrno("stat " + name);
    // Pseudo files have size 0, and a file may grow: the size is a hint only.
    std::size_t step = std::max<std::size_t>(static_cast<std::size_t>(status.st_size) + 1, 4096);

    std::string content;
    while (content.size() <= limit) {
        const std::size_t used = content.size();
        content.resize(used + std::min(step, limit + 1 - used));
        const ssize_t count = ::read(fd, content.data() + used, content.size() - used);
        const int error = errno;
        content.resize(used + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (count == 0)
            return content;
        if (count < 0 && error != EINTR)
            throwErrno("read " + name, error);
        step = std::max<std::size_t>(content.size(), 4096);
    }
    throwErrno("read " + name, EFBIG);
}

std::string readFile(const std::string& path, std::size_t limit) {
    return readOpenFile(openFile(path, O_RDONLY).get(), path, limit);
}

std::optional<std::string> readFileAt(int dirFd, const std::string& name, std::size_t limit) {
    const UniqueFd fd{::openat(dirFd, name.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd.isDefined() && errno == ENOENT)
        return std::nullopt;
    if (!fd.isDefined())
        throwErrno("open " + name);
    return readOpenFile(fd.get(), name, limit);
}

void replaceFileAt(int dirFd, const std::string& name, std::span<const std::byte> content,
                   mode_t mode) {
    constexpr std::size_t kNameLimit = 255 - std::string_view{"..tmp"}.size(); // NAME_MAX
    TemporaryFile file{dirFd, "." + name.substr(0, kNameLimit) + ".tmp"};
    if (::fchmod(file.fd(), mode) != 0)
        throwErrno("set the mode of " + name);
    writeAll(file.fd(), content);
    file.renameTo(name);
}

void replaceFileAt(int dirFd, const std::string& name, std::string_view content, mode_t mode) {
    replaceFileAt(dirFd, name, std::as_bytes(std::span{content}), mode);
}

void appendFileAt(int dirFd, const std::string& name, std::size_t size,
                  std::span<const std::byte> content) {
    const UniqueFd fd{::openat(dirFd, name.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)};
    if (!fd.isDefined())
        throwErrno("open " + name);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throwErrno("stat " + name);
    if (static_cast<std::size_t>(status.st_size) != size)
        throwErrno("append to " + name + ", which somebody else has changed", ESTALE);
    writeAll(fd.get(), content);
}

void writeAll(int fd, std::span<const std::byte> content) {
    while (!content.empty()) {
        const ssize_t count = ::write(fd, content.data(), content.size());
        if (count > 0)
            content = content.subspan(static_cast<std::size_t>(count));
        else if (count == 0)
            throwErrno("write", EIO);
        else if (errno != EINTR)
            throwErrno("write");
    }
}

} // namespace mmsd
