// SPDX-License-Identifier: MIT
// Credentials: the Authorization header from a file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace mmsd::marathon {

/** Holds `user:password` (basic) or `token=…` (DC/OS) of a file that it reads again when it has
 *  changed: service tokens expire. Never logged. */
class Credentials {
public:
    /** None. */
    Credentials() = default;
    /** @throws SysError if the file cannot be read, std::invalid_argument if it has neither form */
    explicit Credentials(std::string path);

    /** "Authorization: …", or "" where there are none. A file that has become unusable leaves the
     *  last good ones in force, and is logged once. */
    [[nodiscard]] const std::string& header();
    /** True if header() would read the file again. */
    [[nodiscard]] bool hasChanged() const noexcept { return !path_.empty() && look() != version_; }

private:
    struct Version {
        std::uint64_t inode = 0;
        std::int64_t size = -1;
        std::int64_t modifiedNs = 0;
        bool operator==(const Version&) const = default;
    };
    [[nodiscard]] Version look() const noexcept;
    void load();

    std::string path_;
    std::string header_;
    Version version_;
};

/** The header's value for the content of such a file. @throws std::invalid_argument */
[[nodiscard]] std::string authorizationFor(std::string_view content);

} // namespace mmsd::marathon
