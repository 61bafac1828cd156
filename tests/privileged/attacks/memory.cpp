// SPDX-License-Identifier: MIT
// Attacks with memory: making code of data.
#include "tests/privileged/attacks/attack.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mmsd::attack {

namespace {

constexpr long kPage = 4096;

void* writablePage() {
    return reinterpret_cast<void*>(::syscall(SYS_mmap, nullptr, kPage, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

const Attack kAttacks[] = {
    {"memory", "map executable memory",
     [] {
         return outcome(::syscall(SYS_mmap, nullptr, kPage, PROT_READ | PROT_EXEC,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
     }},
    {"memory", "make memory executable",
     [] { return outcome(::syscall(SYS_mprotect, writablePage(), kPage, PROT_READ | PROT_EXEC)); }},
    {"memory", "make memory executable (pkey_mprotect)",
     [] {
         return outcome(
             ::syscall(SYS_pkey_mprotect, writablePage(), kPage, PROT_READ | PROT_EXEC, -1));
     },
     true},
    {"memory", "make all memory executable (personality)",
     [] { return outcome(::syscall(SYS_personality, 0x0400000)); }},
    {"memory", "a file in memory", [] { return outcome(::syscall(SYS_memfd_create, "x", 0)); }},
    {"memory", "remap pages of a file",
     [] {
         // No file's pages: EINVAL, once the call itself is allowed.
         const int error = outcome(::syscall(SYS_remap_file_pages, writablePage(), kPage, 0, 0, 0));
         return error == EINVAL ? 0 : error;
     },
     true},
    {"memory", "lock memory", [] { return outcome(::syscall(SYS_mlock, writablePage(), kPage)); }},
};

} // namespace

std::span<const Attack> memoryAttacks() noexcept {
    return kAttacks;
}

} // namespace mmsd::attack
