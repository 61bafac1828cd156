// SPDX-License-Identifier: MIT
// Finding an attack and its victims.
#include "tests/privileged/attacks/attack.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

namespace mmsd::attack {

const Attack* find(const char* name) noexcept {
    for (const auto& group : {fileAttacks(), networkAttacks(), processAttacks(), privilegeAttacks(),
                              kernelAttacks(), memoryAttacks()})
        for (const Attack& attack : group)
            if (std::strcmp(attack.name, name) == 0)
                return &attack;
    return nullptr;
}

const char* victim(const char* variable) noexcept {
    const char* const value = std::getenv(variable);
    if (value == nullptr)
        ::syscall(SYS_exit_group, 126);
    return value;
}

int victimNumber(const char* variable) noexcept {
    return std::atoi(victim(variable));
}

} // namespace mmsd::attack
