// SPDX-License-Identifier: MIT
// ConfigStore: the folder with one configuration per generation.
#pragma once

#include "common/unique_fd.h"
#include "workers/haproxy-manager/config_text.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Owns <run-state-dir>/haproxy: `gen-N/` with everything that HAProxy reads, `haproxy-N.sock`
 *  where it answers, the link `current` to the folder in use and `haproxy.cfg` in it; see
 *  config_files.h for where a large configuration has its app ports.
 *  Paths in the text are relative, so equal states have equal bytes in each generation. */
class ConfigStore {
public:
    /** @throws SysError if the folder is not there or not ours */
    explicit ConfigStore(std::string root);

    [[nodiscard]] const std::string& root() const noexcept { return root_; }
    [[nodiscard]] std::string folder(std::uint64_t generation) const;
    [[nodiscard]] std::string socketPath(std::uint64_t generation) const;

    /** Whether a generation's text is there. */
    [[nodiscard]] bool hasFiles(std::uint64_t generation) const noexcept;
    /** Whether `current` points to the generation: it has served already. */
    [[nodiscard]] bool isCurrent(std::uint64_t generation) const noexcept;
    /** Generations that have a socket or a folder, falling. */
    [[nodiscard]] std::vector<std::uint64_t> generations() const;

    /** Writes a new generation's folder, replacing what a failed try left. @throws SysError */
    void write(std::uint64_t generation, const Config& config) const;
    /** The servers' states that the next process starts with. @throws SysError */
    void writeServerStates(std::uint64_t generation, const std::string& states) const;
    /** Brings a generation's files from @p before to @p after, which differ in servers and maps
     *  only; each that changes is replaced atomically, maps first. @throws SysError */
    void update(std::uint64_t generation, const Config& before, const Config& after) const;
    /** Points `current` at the generation and removes the folders of all others. */
    void makeCurrent(std::uint64_t generation) const;
    /** Reads a generation back; nothing if it is incomplete. */
    [[nodiscard]] std::optional<Config> load(std::uint64_t generation) const;

    void removeFolder(std::uint64_t generation) const noexcept;
    void removeSocket(std::uint64_t generation) const noexcept;

private:
    std::string root_;
    UniqueFd rootFd_;
};

/** Reads the operator's own sections; "" if there is no such file. @throws SysError */
[[nodiscard]] std::string readTail(const std::string& path);

} // namespace mmsd::haproxy
