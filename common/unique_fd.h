// SPDX-License-Identifier: MIT
// UniqueFd: the one owner of a file descriptor.
#pragma once

#include <unistd.h>

#include <utility>

namespace mmsd {

/** Owns a file descriptor and closes it. -1 is "none", 0 is a valid descriptor. */
class UniqueFd {
public:
    UniqueFd() noexcept = default;
    explicit UniqueFd(int fd) noexcept : fd_{fd} {}
    UniqueFd(UniqueFd&& other) noexcept : fd_{other.release()} {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] bool isDefined() const noexcept { return fd_ >= 0; }
    /** Gives up ownership; the caller closes. */
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    /** Closes what is owned and owns @p fd instead. */
    void reset(int fd = -1) noexcept {
        const int old = std::exchange(fd_, fd);
        if (old >= 0)
            ::close(old);
    }

private:
    int fd_ = -1;
};

} // namespace mmsd
