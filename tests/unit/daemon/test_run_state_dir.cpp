// SPDX-License-Identifier: MIT
// The run state folder as its owner sees it; what only root can see is in tests/privileged.
#include "common/file_io.h"
#include "common/start_error.h"
#include "common/sys_error.h"
#include "daemon/run_state_dir.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace mmsd::supervisor {

namespace {

mode_t modeOf(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

} // namespace

TEST_CASE("run state dir: is made with pids in it", "[daemon]") {
    const test::TempDir folder;
    const mode_t previous = ::umask(0022);
    const RunStateDir runState{folder / "run"};
    ::umask(previous);
    CHECK(modeOf(folder / "run") == 0755);
    CHECK(modeOf(folder / "run/pids") == 0755);
}

TEST_CASE("run state dir: one that exists keeps its mode but must be ours alone", "[daemon]") {
    const test::TempDir folder;
    REQUIRE(::mkdir((folder / "run").c_str(), 0700) == 0);
    { const RunStateDir runState{folder / "run"}; }
    CHECK(modeOf(folder / "run") == 0700);
    REQUIRE(::chmod((folder / "run").c_str(), 0775) == 0);
    CHECK_THROWS_AS(RunStateDir{folder / "run"}, StartError);
}

TEST_CASE("run state dir: neither a link nor a missing parent nor a file will do", "[daemon]") {
    const test::TempDir folder;
    REQUIRE(::symlink("/tmp", (folder / "link").c_str()) == 0);
    CHECK_THROWS_AS(RunStateDir{folder / "link"}, SysError);
    CHECK_THROWS_AS(RunStateDir{folder / "none/run"}, SysError);
    replaceFileAt(folder.fd(), "file", std::string_view{}, 0600);
    CHECK_THROWS_AS(RunStateDir{folder / "file"}, SysError);
}

TEST_CASE("run state dir: a second owner is refused while the first lives", "[daemon]") {
    const test::TempDir folder;
    {
        const RunStateDir first{folder / "run"};
        CHECK_THROWS_AS(RunStateDir{folder / "run"}, StartError);
        CHECK_THROWS_WITH(RunStateDir{folder / "run"}, test::containsText("another mmsd"));
    }
    CHECK_NOTHROW(RunStateDir{folder / "run"});
}

TEST_CASE("run state dir: folders of processes get their mode, whatever they had", "[daemon]") {
    const test::TempDir folder;
    const RunStateDir runState{folder / "run"};
    runState.makeDirectory("a", 0700, std::nullopt);
    CHECK(modeOf(folder / "run/a") == 0700);
    runState.makeDirectory("a", 0755, std::nullopt);
    CHECK(modeOf(folder / "run/a") == 0755);
    REQUIRE(::symlink("/tmp", (folder / "run/link").c_str()) == 0);
    CHECK_THROWS_AS(runState.makeDirectory("link", 0755, std::nullopt), SysError);
}

TEST_CASE("run state dir: pid files", "[daemon]") {
    const test::TempDir folder;
    const RunStateDir runState{folder / "run"};
    REQUIRE(runState.writePidFile("confd-writer", 4711));
    CHECK(readFile(folder / "run/pids/confd-writer.pid", 100) == "4711\n");
    CHECK(modeOf(folder / "run/pids/confd-writer.pid") == 0644);
    runState.removePidFile("confd-writer");
    CHECK(::access((folder / "run/pids/confd-writer.pid").c_str(), F_OK) != 0);
    runState.removePidFile("confd-writer");
    REQUIRE(::rmdir((folder / "run/pids").c_str()) == 0);
    CHECK_FALSE(runState.writePidFile("confd-writer", 4711));
}

} // namespace mmsd::supervisor
