// SPDX-License-Identifier: MIT
// seccomp filters from data tables, by libseccomp.
#include "common/syscall_filter.h"

#include "build_config.h"

#include <seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace mmsd {

namespace {

#if defined(MMSD_SANDBOX_TRAP)
constexpr std::uint32_t kDefaultAction = SCMP_ACT_TRAP;
#elif defined(MMSD_SANDBOX_LOG)
constexpr std::uint32_t kDefaultAction = SCMP_ACT_LOG;
#else
constexpr std::uint32_t kDefaultAction = SCMP_ACT_KILL_PROCESS;
#endif

void check(int result, std::string_view what) {
    if (result < 0) // libseccomp returns -errno
        throw std::runtime_error{"system call filter: " + std::string{what} + ": " +
                                 std::generic_category().message(-result)};
}

struct RecentCall {
    std::string_view name;
    int number;
};
/** Calls that an older libseccomp may not know. From 424 on, a number is the same on all
 *  architectures. Source: Linux, scripts/syscall.tbl. */
constexpr auto kRecentCalls = std::to_array<RecentCall>({
    {"io_uring_setup", 425},
    {"io_uring_enter", 426},
    {"io_uring_register", 427},
    {"open_tree", 428},
    {"move_mount", 429},
    {"fsopen", 430},
    {"fsconfig", 431},
    {"fsmount", 432},
    {"fspick", 433},
    {"clone3", 435},
    {"pidfd_getfd", 438},
    {"process_madvise", 440},
    {"mount_setattr", 442},
    {"quotactl_fd", 443},
    {"memfd_secret", 447},
    {"process_mrelease", 448},
    {"open_tree_attr", 467},
});

class Filter {
public:
    explicit Filter(std::uint32_t defaultAction)
        : context_{seccomp_init(defaultAction), &seccomp_release} {
        if (!context_)
            throw std::runtime_error{"system call filter: cannot be created"};
        // With only the native architecture in it, x32 numbers count as a foreign one.
        check(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
              "foreign architectures");
#if defined(MMSD_SANDBOX_LOG)
        // What is refused, too: it shows in the kernel's log, and the caller gets its error.
        check(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_LOG, 1), "log");
#endif
    }

    void allow(const SyscallRule& rule) {
        std::array<scmp_arg_cmp, 3> comparisons{};
        std::size_t count = 0;
        for (const auto& argument : {rule.argument, rule.secondArgument, rule.thirdArgument})
            if (argument)
                comparisons[count++] = {argument->index, SCMP_CMP_MASKED_EQ, argument->mask,
                                        argument->value & argument->mask};
        // A name that libseccomp does not know stays forbidden.
        if (const int number = seccomp_syscall_resolve_name(rule.name); number != __NR_SCMP_ERROR)
            add(number, rule.name, SCMP_ACT_ALLOW, {comparisons.data(), count});
    }
    void refuse(const char* name) {
        if (const int number = seccomp_syscall_resolve_name(name); number != __NR_SCMP_ERROR)
            add(number, name, SCMP_ACT_ERRNO(EACCES), {});
    }
    void deny(const DeniedSyscall& denied) {
        using enum DeniedSyscall::Condition;
        const int number = resolve(denied.name);
        // Other errors than EPERM tell a library to do it in another way.
        const std::uint32_t action = denied.error == EPERM && kDefaultAction == SCMP_ACT_TRAP
                                         ? SCMP_ACT_TRAP
                                         : SCMP_ACT_ERRNO(static_cast<std::uint32_t>(denied.error));
        const auto addIf = [&](scmp_compare comparison, std::uint64_t first, std::uint64_t second) {
            const scmp_arg_cmp condition{denied.index, comparison, first, second};
            add(number, denied.name, action, {&condition, 1});
        };
        switch (denied.condition) {
        case Always:
            return add(number, denied.name, action, {});
        case HasBits:
            for (std::uint64_t bit = 1; bit != 0; bit <<= 1)
                if ((denied.value & bit) != 0)
                    addIf(SCMP_CMP_MASKED_EQ, bit, bit);
            return;
        case Equals: // the kernel does not look at the upper half of an int
            return addIf(SCMP_CMP_MASKED_EQ, 0xffffffff, denied.value);
        case AtLeast:
            return addIf(SCMP_CMP_GE, denied.value, 0);
        case Differs:
            return addIf(SCMP_CMP_NE, denied.value, 0);
        }
    }

    /** Sets no_new_privs, too. */
    void load() {
        check(seccomp_load(context_.get()), "load");
    }

private:
    /** The number of a call that is to be denied. */
    static int resolve(const char* name) {
        const int number = seccomp_syscall_resolve_name(name);
        if (number != __NR_SCMP_ERROR)
            return number;
        const auto known =
            std::ranges::find(kRecentCalls, std::string_view{name}, &RecentCall::name);
        check(known == kRecentCalls.end() ? -ENOSYS : 0, name);
        return known->number;
    }
    void add(int number, const char* name, std::uint32_t action,
             std::span<const scmp_arg_cmp> comparisons) {
        check(seccomp_rule_add_array(context_.get(), action, number,
                                     static_cast<unsigned>(comparisons.size()), comparisons.data()),
              name);
    }

    std::unique_ptr<void, decltype(&seccomp_release)> context_;
};

/** Names by number, filled before the filter is on: the handler may neither allocate nor look up.
 */
std::array<std::array<char, 32>, 512> trapNames;

void onTrap(int, siginfo_t* info, void*) {
    std::array<char, 128> text{};
    char* end = text.data();
    const auto append = [&end](std::string_view part) { end = std::ranges::copy(part, end).out; };
    append("seccomp: forbidden system call ");
    end = std::to_chars(end, end + 16, info->si_syscall).ptr;
    const auto number = static_cast<std::size_t>(info->si_syscall);
    if (number < trapNames.size()) {
        append(" ");
        append(trapNames[number].data());
    }
    append("\n");
    [[maybe_unused]] const ssize_t count =
        ::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(end - text.data()));
    // Not _exit: sanitizers wrap it, with system calls of their own.
    ::syscall(SYS_exit_group, 128 + SIGSYS);
}

void catchTraps() {
    for (std::size_t number = 0; number < trapNames.size(); ++number) {
        const std::unique_ptr<char, decltype(&std::free)> name{
            seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)),
            &std::free};
        const std::string_view text = name ? name.get() : "?";
        std::ranges::copy(text.substr(0, trapNames[number].size() - 1), trapNames[number].begin());
    }
    struct sigaction action {};
    action.sa_sigaction = onTrap;
    action.sa_flags = SA_SIGINFO;
    if (::sigaction(SIGSYS, &action, nullptr) != 0)
        check(-errno, "SIGSYS handler");
}

} // namespace

void installSyscallFilter(const SyscallPolicy& policy) {
    Filter filter{kDefaultAction};
    for (const SyscallRule& rule : policy.allowed)
        filter.allow(rule);
    for (const char* const name : policy.refused) {
        // libseccomp would let the first rule win, or the one without a condition.
        const auto isSame = [name](const SyscallRule& rule) {
            return std::string_view{rule.name} == name;
        };
        check(std::ranges::any_of(policy.allowed, isSame) ? -EEXIST : 0, name);
        filter.refuse(name);
    }
    if (kDefaultAction == SCMP_ACT_TRAP)
        catchTraps();
    filter.load();
}

void installSyscallDenylist(std::span<const DeniedSyscall> denied) {
    Filter filter{SCMP_ACT_ALLOW};
    for (const DeniedSyscall& each : denied)
        filter.deny(each);
    if (kDefaultAction == SCMP_ACT_TRAP)
        catchTraps();
    filter.load();
}

} // namespace mmsd
