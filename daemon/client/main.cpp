// SPDX-License-Identifier: MIT
// mmsd-client: `mmsd status` and `mmsd explain`, without any right of root.
#include "build_config.h"

#include "common/exit_code.h"
#include "common/percent_encoding.h"
#include "common/privileges.h"
#include "common/text.h"
#include "daemon/client/http_get.h"
#include "daemon/client/options.h"
#include "daemon/client/reports.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using namespace mmsd;
using namespace mmsd::client;

// Beside ExitCode. Source: sysexits.h; 1 as in grep: the answer is no.
constexpr int kNo = 1;
constexpr int kUnavailable = 69;
constexpr int kProtocol = 76;
constexpr int kPermission = static_cast<int>(ExitCode::Permission);

/** Nobody needs root to ask: whoever started this, no right is left before anything is read.
 *  @throws std::runtime_error if that cannot be had */
void giveUpRights() {
    DropPlan plan;
    if (::geteuid() == 0 || ::getuid() == 0) {
        for (const char* const name : {MMSD_USER_PREFIX "api", "nobody"})
            if (!plan.identity)
                plan.identity = lookUpUser(name);
        if (!plan.identity)
            throw std::runtime_error{"there is neither a user " MMSD_USER_PREFIX
                                     "api nor a user nobody to be instead of root"};
    }
    if (const DropFailure failure = dropPrivileges(plan); failure.step != DropStep::None)
        throw std::runtime_error{std::string{"cannot give up privileges: "} +
                                 toString(failure.step)};
}

bool wantsColour() {
    const char* const no = std::getenv("NO_COLOR"); // https://no-color.org
    const char* const terminal = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && (no == nullptr || *no == '\0') &&
           (terminal == nullptr || std::string_view{terminal} != "dumb");
}

int print(const std::string& text, int code) {
    const bool isWritten =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    return isWritten ? code : static_cast<int>(ExitCode::OperatingSystem);
}

/** An object of the API as it came, but with nothing that a terminal would obey. */
std::string cleanJson(std::string text) {
    for (char& c : text)
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == '\x7f')
            c = ' ';
    return text;
}

int ask(const Options& options) {
    const bool isStatus = options.command == Command::Status;
    const std::string base = options.url.empty() ? localUrl(options.config) : options.url;
    const HttpAnswer answer = httpGet(
        base + (isStatus ? "/v1/status" : "/v1/explain" + percentEncodePath(options.appId)));
    const JsonDocument document{answer.body};
    const JsonView root = document.root();
    const Painter painter{wantsColour()};
    const bool isUnknown = !isStatus && answer.status == 404 && root["near"].isArray();
    if (answer.status != 200 && !isUnknown) {
        const std::string error = root["error"].text();
        throw Unreachable{base + ": status " + std::to_string(answer.status) +
                          (error.empty() ? "" : ", " + error)};
    }
    const int code = isUnknown || (isStatus && !root["ready"].isTrue()) ? kNo : 0;
    if (options.wantsJson)
        return print(cleanJson(answer.body), code);
    if (isUnknown)
        return print(renderUnknownApp(root, painter), code);
    return print(isStatus ? renderStatus(root, painter) : renderApp(root, painter), code);
}

int fail(int code, const std::exception& error) {
    std::fprintf(stderr, "mmsd: %s\n", error.what());
    return code;
}

} // namespace

int main(int argc, char* argv[]) {
    try {
        giveUpRights();
    } catch (const std::exception& error) {
        return fail(kPermission, error);
    }
    try {
        const Options options = readOptions({argv + 1, static_cast<std::size_t>(argc - 1)});
        return options.command == Command::Help ? print(helpText(), 0) : ask(options);
    } catch (const UsageError& error) {
        return fail(static_cast<int>(ExitCode::Usage), error);
    } catch (const Unreachable& error) {
        return fail(kUnavailable, error);
    } catch (const std::exception& error) {
        return fail(kProtocol, error);
    }
}
