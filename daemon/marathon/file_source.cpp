// SPDX-License-Identifier: MIT
// FileSource: apps from a saved answer of a Marathon instead of a Marathon.
#include "daemon/marathon/file_source.h"

#include "common/log.h"
#include "common/sys_error.h"
#include "daemon/marathon/app_file.h"
#include "daemon/marathon/full_answer.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

namespace mmsd::marathon {

namespace {

/** A writer has finished, or another file has taken the name. */
constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR;

std::string folderOf(const std::string& path) {
    const std::size_t end = path.rfind('/');
    return end == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(end, 1));
}

} // namespace

std::vector<std::string> FileSource::foldersOf(const std::string& path) {
    std::vector<std::string> folders{folderOf(path)};
    const std::unique_ptr<char, decltype(&std::free)> target{::realpath(path.c_str(), nullptr),
                                                             &std::free};
    if (target && folderOf(target.get()) != folders.front())
        folders.push_back(folderOf(target.get()));
    return folders;
}

FileSource::FileSource(EventLoop& loop, TimerFactory& timers, StateKeeper& keeper,
                       SourceListener& listener, std::string path,
                       std::chrono::milliseconds interval)
    : timers_{timers}, keeper_{keeper}, listener_{listener}, path_{std::move(path)},
      interval_{interval}, inotify_{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)},
      timer_{timers.create([this] { lookAgain(); })} {
    if (!inotify_.isDefined())
        throwErrno("start inotify");
    for (const std::string& folder : foldersOf(path_)) {
        if (::inotify_add_watch(inotify_.get(), folder.c_str(), kChanges) < 0)
            throwErrno("watch " + folder);
    }
    event_ =
        std::make_unique<IoEvent>(loop, inotify_.get(), [this](bool, bool) { onFolderChanged(); });
    event_->watch(true, false);
}

void FileSource::onFolderChanged() {
    // Which file it was does not matter: a link on the way may have changed as well.
    std::array<char, 4096> ignored{};
    while (::read(inotify_.get(), ignored.data(), ignored.size()) > 0) {
    }
    lookAgain();
}

void FileSource::lookAgain() {
    timer_->start(interval_);
    if (version() != version_)
        load("file changed");
    else if (reported_ && reported_->state == protocol::SourceState::Connected)
        keeper_.confirm();
}

std::string FileSource::version() const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0)
        return "missing";
    return std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino) + ':' +
           std::to_string(status.st_size) + ':' + std::to_string(status.st_mtim.tv_sec) + '.' +
           std::to_string(status.st_mtim.tv_nsec);
}

void FileSource::load(const std::string& why) {
    timer_->start(interval_);
    version_ = version();
    const Cause cause = Cause::now(why);
    const TimePoint startedAt = timers_.now();
    FullAnswer answer{keeper_.store(), ++number_};
    try {
        readAppFile(path_, [&answer](std::string_view json) { answer.add(json); });
    } catch (const std::runtime_error& error) { // SysError, JsonError
        ++counters_.requests[{"file", "failed"}];
        logWarning("the file is not used", {{"file", path_}, {"reason", error.what()}});
        report(protocol::SourceState::Unreachable, path_ + ": " + error.what());
        return;
    }
    // Nothing is under way beside a file, so there are no conflicts.
    static_cast<void>(keeper_.takeFull(std::move(answer), startedAt, cause));
    ++counters_.requests[{"file", "ok"}];
    ++counters_.resyncs;
    report(protocol::SourceState::Connected, path_);
    listener_.onSynchronized();
}

void FileSource::report(protocol::SourceState state, const std::string& text) {
    if (reported_ && reported_->state == state && reported_->text == text)
        return;
    reported_ = protocol::SourceStatus{state, text};
    listener_.onSourceStatus(*reported_);
}

} // namespace mmsd::marathon
