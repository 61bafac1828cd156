// SPDX-License-Identifier: MIT
// Upgrade in place (SIGUSR2): what one supervisor hands over to the program executed in its place.
#pragma once

#include "common/exit_code.h"
#include "common/unique_fd.h"
#include "daemon/snapshot_relay.h"
#include "protocol/settings.h"

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::supervisor {

/** The names of what is handed over beside the sockets, by role, and the processes, by name. */
inline constexpr const char* kRunStateDir = "run-state-dir";
inline constexpr const char* kSnapshot = "snapshot";

struct Inherited {
    UniqueFd fd;   ///< of a process: its channel; none if it has none
    pid_t pid = 0; ///< of a process that runs; 0 = none
    std::uint32_t restarts = 0;
};
using Handover = std::map<std::string, Inherited, std::less<>>;

/** Where this program lies: a package upgrade puts another one there. Empty without /proc. */
[[nodiscard]] std::string findOwnPath();

/** The giving side: collects what an exec leaves open, and names it in the environment. */
class Successor {
public:
    /** @param argv borrowed, as main() got it: a null follows the last
     *  @param runAs the value of that setting, which cannot change */
    Successor(std::string program, std::span<const char* const> argv, const std::string& runAs);
    ~Successor();
    Successor(const Successor&) = delete;
    Successor& operator=(const Successor&) = delete;

    /** Hands something over. @param fd borrowed, or -1. @throws SysError */
    void pass(std::string_view name, int fd, pid_t pid = 0, std::uint32_t restarts = 0);
    /** Hands over snapshots, in a memory file. @throws SysError */
    void pass(std::string_view name, SnapshotChain chain);
    /** Runs the program as a child that only says whether it can take over; its reasons go to
     *  stderr. Blocks the caller for some ten milliseconds, and never for more than 5 s.
     *  @throws StartError, SysError if it cannot */
    void rehearse() const;
    /** Returns by an exception only, and then nothing has changed. Blocked signals stay blocked,
     *  and pending. @throws SysError */
    [[noreturn]] void execute() const;

private:
    std::string program_;
    std::span<const char* const> argv_;
    std::string text_;
    std::vector<UniqueFd> fds_;
};

/** The taking side: checks and owns what the environment names; empty if it names nothing.
 *  @param writer the process that must have written it
 *  @throws StartError if it is not a handover of this form, from there, with open descriptors */
[[nodiscard]] Handover takeHandover(pid_t writer, const protocol::Settings& settings);

/** Takes a descriptor out; none if there is no such thing. */
[[nodiscard]] UniqueFd takeFd(Handover& handover, std::string_view name);

/** How a rehearsal ends well: not 0, as any program may. */
inline constexpr ExitCode kRehearsed{42};

/** Does all that could fail when this is taken over; what runs does not notice. @return kRehearsed
 *  @throws StartError, SysError naming what fails */
[[nodiscard]] ExitCode rehearse(Handover handover, const protocol::Settings& settings);

} // namespace mmsd::supervisor
