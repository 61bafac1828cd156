// SPDX-License-Identifier: MIT
// ConfdFolder: file operations in the one folder that the writer may touch.
#pragma once

#include "common/unique_fd.h"

#include <string>
#include <string_view>

namespace mmsd::confd {

/** Owns the folder's descriptor, opened before the sandbox is up. */
class ConfdFolder {
public:
    /** @throws SysError */
    explicit ConfdFolder(const std::string& path);

    /** True if there is a regular file of that name with that content and mode 0644. */
    [[nodiscard]] bool holds(const std::string& name, std::string_view content) const;
    /** Replaces it as a whole, mode 0644. @throws SysError */
    void write(const std::string& name, std::string_view content);
    /** Removes it, if there. @throws SysError */
    void remove(const std::string& name);
    /** The manifest's text, "" if there is none. @throws SysError */
    [[nodiscard]] std::string readManifest() const;
    /** Removes temporary files that a writer left behind when it was killed. @throws SysError */
    void removeStaleTemporaries();

private:
    UniqueFd fd_;
};

} // namespace mmsd::confd
