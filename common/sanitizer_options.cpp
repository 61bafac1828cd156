// SPDX-License-Identifier: MIT
// What the sanitizers' run-time libraries do, in builds that have them (-Db_sanitize).

// The supervisor gives its children no environment that could carry these; what ASAN_OPTIONS and
// UBSAN_OPTIONS say wins where they arrive. Leaks are looked for with ptrace(2), which a process
// that is not dumpable refuses, with words in the middle of its log: only unit tests ask for it.

extern "C" {

const char* __asan_default_options();
const char* __asan_default_options() {
    return "abort_on_error=1:detect_leaks=0:handle_abort=1";
}

const char* __ubsan_default_options();
const char* __ubsan_default_options() {
    return "halt_on_error=1:print_stacktrace=1";
}

} // extern "C"
