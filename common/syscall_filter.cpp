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

class Filter {
public:
    explicit Filter(std::uint32_t defaultAction)
        : context_{seccomp_init(defaultAction), &seccomp_release} {
        if (!context_)
            throw std::runtime_error{"system call filter: cannot be created"};
        // With only the native architecture in it, x32 numbers count as a foreign one.
        check(seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS),
              "foreign architectures");
    }

    void allow(const SyscallRule& rule) {
        std::array<scmp_arg_cmp, 2> comparisons{};
        unsigned count = 0;
        for (const auto& argument : {rule.argument, rule.secondArgument})
            if (argument)
                comparisons[count++] = {argument->index, SCMP_CMP_MASKED_EQ, argument->mask,
                                        argument->value & argument->mask};
        add(rule.name, SCMP_ACT_ALLOW, count, comparisons.data());
    }
    void refuse(const char* name, std::uint32_t error) {
        add(name, SCMP_ACT_ERRNO(error), 0, nullptr);
    }

    /** Sets no_new_privs, too. */
    void load() { check(seccomp_load(context_.get()), "load"); }

private:
    void add(const char* name, std::uint32_t action, unsigned count,
             const scmp_arg_cmp* comparison) {
        const int number = seccomp_syscall_resolve_name(name);
        if (number != __NR_SCMP_ERROR)
            check(seccomp_rule_add_array(context_.get(), action, number, count, comparison), name);
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
        filter.refuse(name, EACCES);
    }
    if (kDefaultAction == SCMP_ACT_TRAP)
        catchTraps();
    filter.load();
}

void installSyscallDenylist(std::span<const char* const> names) {
    Filter filter{SCMP_ACT_ALLOW};
    for (const char* const name : names)
        filter.refuse(name, EPERM);
    filter.load();
}

} // namespace mmsd
