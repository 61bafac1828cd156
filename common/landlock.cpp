// SPDX-License-Identifier: MIT
// Landlock rule sets with the best ABI that the running kernel has.
#include "common/landlock.h"

#include "common/start_error.h"
#include "common/sys_error.h"
#include "common/unique_fd.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

namespace mmsd {

namespace {

// Own definitions: the headers of the build machine may be older than the running kernel.
// Source: Linux, include/uapi/linux/landlock.h.
constexpr std::uint32_t kCreateRulesetVersion = 1U << 0;
constexpr int kRulePathBeneath = 1;

struct [[gnu::packed]] PathBeneathAttributes {
    std::uint64_t allowed;
    std::int32_t parentFd;
};

constexpr std::uint64_t kExecute = 1U << 0;
constexpr std::uint64_t kWriteFile = 1U << 1;
constexpr std::uint64_t kReadFile = 1U << 2;
constexpr std::uint64_t kReadDirectory = 1U << 3;
constexpr std::uint64_t kRemoveDirectory = 1U << 4;
constexpr std::uint64_t kRemoveFile = 1U << 5;
constexpr std::uint64_t kMakeDirectory = 1U << 7;
constexpr std::uint64_t kMakeRegular = 1U << 8;
constexpr std::uint64_t kMakeSocket = 1U << 9;
constexpr std::uint64_t kMakeSymlink = 1U << 12;
constexpr std::uint64_t kAllOfAbi1 = (1U << 13) - 1;
constexpr std::uint64_t kRefer = 1U << 13;                  ///< ABI 2
constexpr std::uint64_t kTruncate = 1U << 14;               ///< ABI 3
constexpr std::uint64_t kIoctlDevice = 1U << 15;            ///< ABI 5
constexpr std::uint64_t kBindTcp = 1U << 0;                 ///< ABI 4
constexpr std::uint64_t kConnectTcp = 1U << 1;              ///< ABI 4
constexpr std::uint64_t kScopeAbstractUnixSocket = 1U << 0; ///< ABI 6
constexpr std::uint64_t kScopeSignal = 1U << 1;             ///< ABI 6

constexpr std::uint64_t kReading = kReadFile | kReadDirectory;
constexpr std::uint64_t kWriting = kWriteFile | kTruncate | kRemoveDirectory | kRemoveFile |
                                   kMakeDirectory | kMakeRegular | kMakeSocket | kMakeSymlink |
                                   kRefer;
constexpr std::uint64_t kMeaningfulForFiles =
    kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDevice;

void addPath(int ruleset, const LandlockPath& path, std::uint64_t handled) {
    const UniqueFd fd{::open(path.path, O_PATH | O_CLOEXEC)};
    if (!fd.isDefined() && (errno == ENOENT || errno == ENOTDIR))
        return;
    struct stat status {};
    if (!fd.isDefined() || ::fstat(fd.get(), &status) != 0)
        throwErrno(std::string{"landlock: "} + path.path);

    std::uint64_t allowed =
        kReading | (path.isWritable ? kWriting : 0) | (path.isExecutable ? kExecute : 0);
    if (!S_ISDIR(status.st_mode))
        allowed &= kMeaningfulForFiles;
    const PathBeneathAttributes attributes{allowed & handled, fd.get()};
    if (::syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &attributes, 0) != 0)
        throwErrno(std::string{"landlock: allow "} + path.path);
}

} // namespace

LandlockRuleset landlockRuleset(const LandlockPolicy& policy, int abi) noexcept {
    LandlockRuleset attributes{kAllOfAbi1, 0, 0};
    if (abi >= 2)
        attributes.handledFiles |= kRefer;
    if (abi >= 3)
        attributes.handledFiles |= kTruncate;
    if (abi >= 4)
        attributes.handledNetwork =
            (policy.mayBindTcp ? 0 : kBindTcp) | (policy.mayConnectTcp ? 0 : kConnectTcp);
    if (abi >= 5)
        attributes.handledFiles |= kIoctlDevice;
    if (abi >= 6)
        attributes.scoped = kScopeAbstractUnixSocket | (policy.maySignalOthers ? 0 : kScopeSignal);
    return attributes;
}

int restrictWithLandlock(const LandlockPolicy& policy, int abiLimit) {
    const long found =
        ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0}, kCreateRulesetVersion);
    if (found < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
        return 0;
    // A kernel never says so: it is how container runtimes refuse calls that they do not know.
    if (found < 0 && errno == EPERM)
        throw StartError{ExitCode::Permission,
                         "landlock: a system call filter around mmsd refuses it; allow "
                         "landlock_create_ruleset, landlock_add_rule and landlock_restrict_self"};
    if (found < 0)
        throwErrno("landlock: ask for the version");
    const int abi = static_cast<int>(std::min<long>(found, abiLimit));

    // Older kernels accept the longer structure as long as what they do not know is zero.
    const LandlockRuleset attributes = landlockRuleset(policy, abi);
    const UniqueFd ruleset{static_cast<int>(
        ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0))};
    if (!ruleset.isDefined())
        throwErrno("landlock: create a rule set");
    for (const LandlockPath& path : policy.paths)
        addPath(ruleset.get(), path, attributes.handledFiles);
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        throwErrno("landlock: set no_new_privs");
    if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0)
        throwErrno("landlock: restrict");
    return abi;
}

} // namespace mmsd
