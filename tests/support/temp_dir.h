// SPDX-License-Identifier: MIT
// TempDir: a fresh folder that goes away with its test.
#pragma once

#include "common/sys_error.h"
#include "common/unique_fd.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace mmsd::test {

/** Owns a folder below $TMPDIR, removed with all that is in it. */
class TempDir {
public:
    TempDir() {
        std::string name = std::filesystem::temp_directory_path() / "mmsd-test-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr)
            throwErrno("mkdtemp");
        path_ = name;
        fd_.reset(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd_.isDefined())
            throwErrno("open " + name);
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
    /** Absolute path of a name in the folder. */
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }
    /** For the …At functions. */
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

private:
    std::filesystem::path path_;
    UniqueFd fd_;
};

} // namespace mmsd::test
