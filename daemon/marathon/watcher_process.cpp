// SPDX-License-Identifier: MIT
// WatcherProcess: the life of mmsd-marathon-watcher, from Hello to its end.
#include "daemon/marathon/watcher_process.h"

#include "common/file_io.h"
#include "common/log.h"
#include "common/sys_error.h"
#include "daemon/marathon/sandbox_policy.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "protocol/wire_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>

namespace mmsd::marathon {

namespace {

using protocol::MessageType;

class ChannelOutlet final : public Outlet {
public:
    explicit ChannelOutlet(protocol::Channel& channel) : channel_{channel} {}
    void sendSnapshot(protocol::SharedFrames frames) override { channel_.send(std::move(frames)); }
    void sendStatus(const protocol::Payload& report) override {
        channel_.send(MessageType::Status, report);
    }
    void sendSourceStatus(const protocol::SourceStatus& status) override {
        channel_.send(MessageType::SourceStatus, encode(status));
    }
    [[nodiscard]] bool isBusy() const override { return channel_.hasUnsent(); }

private:
    protocol::Channel& channel_;
};

/** For a run without supervisor: frames to whoever reads them, without hurry. */
class StandardOutlet final : public Outlet {
public:
    void sendSnapshot(protocol::SharedFrames frames) override { writeAll(STDOUT_FILENO, *frames); }
    void sendStatus(const protocol::Payload& report) override { send(MessageType::Status, report); }
    void sendSourceStatus(const protocol::SourceStatus& status) override {
        send(MessageType::SourceStatus, encode(status));
    }
    [[nodiscard]] bool isBusy() const override { return false; }

private:
    static void send(MessageType type, protocol::PayloadView payload) {
        std::vector<std::byte> frame;
        appendFrame(frame, type, 0, payload);
        writeAll(STDOUT_FILENO, frame);
    }
};

SandboxPaths sandboxPaths(const protocol::Settings& settings) {
    SandboxPaths paths;
    // Links on the way are not checked, only what they lead to.
    paths.readable = {"/etc/resolv.conf",
                      "/etc/hosts",
                      "/etc/ssl",
                      "/etc/pki",
                      "/usr/lib/ssl",
                      "/usr/share/ca-certificates",
                      "/usr/local/share/ca-certificates"};
    // Where they are links, systemd-resolved and others replace the file that they lead to. A file
    // in /etc itself that is replaced takes a new process (HostResolver::setOnLockedOut): all of
    // /etc would be too much for the one moment of need.
    for (const char* const path : {"/etc/resolv.conf", "/etc/hosts"}) {
        for (const std::string& folder : FileSource::foldersOf(path)) {
            if (folder != "/etc" && folder != "/")
                paths.readable.push_back(folder);
        }
    }
    for (const char* const name :
         {"marathon-auth-file", "marathon-ca-file", "marathon-cert-file", "marathon-key-file"}) {
        if (const std::string& file = settings.text(name); !file.empty())
            for (const std::string& folder : FileSource::foldersOf(file))
                paths.readable.push_back(folder);
    }
    if (const std::string& file = settings.text("marathon-file"); !file.empty())
        for (const std::string& folder : FileSource::foldersOf(file))
            paths.readable.push_back(folder);
    paths.writable = {settings.text("run-state-dir") + "/watcher"};
    return paths;
}

Credentials readCredentials(const std::string& path) {
    if (path.empty())
        return {};
    try {
        return Credentials{path};
    } catch (const std::exception& error) {
        throw protocol::ConfigurationError{std::string{"marathon-auth-file: "} + error.what()};
    }
}

} // namespace

WatcherProcess::WatcherProcess(const protocol::Settings& settings, UniqueFd channel)
    : settings_{settings}, onTerminate_{loop_, SIGTERM, [this] { stop(); }},
      onInterrupt_{loop_, SIGINT, [this] { stop(); }}, onHangUp_{loop_, SIGHUP,
                                                                 [this] { resync("SIGHUP"); }} {
    if (channel.isDefined()) {
        protocol::Channel::Handler& handler = *this;
        channel_ = std::make_unique<protocol::Channel>(loop_, std::move(channel),
                                                       protocol::Sender::Supervisor, handler);
        outlet_ = std::make_unique<ChannelOutlet>(*channel_);
        hangAlarm_.emplace(timers_);
    } else {
        outlet_ = std::make_unique<StandardOutlet>();
    }
}

WatcherProcess::~WatcherProcess() = default;

ExitCode WatcherProcess::run() {
    if (!channel_)
        start(0);
    loop_.run();
    if (stateFile_)
        stateFile_->flush();
    return exitCode_;
}

void WatcherProcess::onFrame(const protocol::FrameView& frame) {
    switch (frame.header.type) {
    case MessageType::Hello:
        return onHello(frame.payload);
    case MessageType::Ping:
        return channel_->send(MessageType::Pong,
                              protocol::encodeToken(protocol::decodeToken(frame.payload)));
    case MessageType::Reapply:
        return resync("reapply");
    case MessageType::SetLogLevel:
        return setLogLevel(protocol::decodeLogLevel(frame.payload));
    case MessageType::Shutdown:
        return stop();
    default:
        throw protocol::ProtocolError{"unexpected message " +
                                      std::string{toString(frame.header.type)}};
    }
}

void WatcherProcess::onChannelClosed(std::string_view reason) {
    // Without a supervisor nobody is left to tell.
    if (!reason.starts_with(protocol::kClosedByPeer)) {
        logError("channel to the supervisor broken", {{"reason", reason}});
        exitCode_ = ExitCode::OperatingSystem;
    }
    loop_.stop();
}

void WatcherProcess::onHello(protocol::PayloadView payload) {
    // Before anything else: the rest of another version's Hello may differ.
    const std::uint32_t version = protocol::WireReader{payload}.u32();
    if (version != protocol::kProtocolVersion)
        throw protocol::ConfigurationError{"half-upgraded package: mmsd speaks protocol version " +
                                           std::to_string(version) + ", this program version " +
                                           std::to_string(protocol::kProtocolVersion)};
    const protocol::Hello hello = protocol::decodeHello(payload);
    setLogLevel(hello.logLevel);
    start(hello.lastGeneration);
}

void WatcherProcess::start(std::uint64_t lastGeneration) {
    const std::string folder = settings_.text("run-state-dir") + "/watcher";
    try {
        stateFile_ = std::make_unique<StateFile>(timers_, openFile(folder, O_RDONLY | O_DIRECTORY));
    } catch (const SysError& error) {
        logWarning("no state is kept on disk", {{"reason", error.what()}});
    }
    publisher_ = std::make_unique<SnapshotPublisher>(*outlet_, stateFile_.get(), lastGeneration);
    keeper_ = std::make_unique<StateKeeper>(timers_, resolver_, *publisher_);
    openSource();
    reporter_ = std::make_unique<StatusReporter>(timers_, *outlet_, *source_, *keeper_, *publisher_,
                                                 resolver_);
    keeper_->setConfirmationRequest([this] { resync("confirmation"); });
    resolver_.setOnAnswer([this](const std::string& host, bool hasChanged) {
        if (client_)
            client_->onHostAnswered(host);
        keeper_->onHostAnswered(host, hasChanged);
    });
    if (channel_) // which means a supervisor that starts the next one at once
        resolver_.setOnLockedOut([this] { stop(); });

    const int landlockAbi = enterSandbox(sandboxPaths(settings_));
    if (channel_)
        channel_->send(MessageType::Ready,
                       encode(protocol::Ready{protocol::kProtocolVersion, true,
                                              static_cast<std::uint8_t>(landlockAbi)}));
    logInfo("ready", {{"landlock_abi", landlockAbi}});
    restoreState();
    source_->start();
    reporter_->start();
}

void WatcherProcess::openSource() {
    SourceListener& listener = *this;
    const std::string& file = settings_.text("marathon-file");
    if (!file.empty()) {
        source_ = std::make_unique<FileSource>(loop_, timers_, *keeper_, listener, file,
                                               settings_.duration("resync-interval"));
        return;
    }
    client_ = std::make_unique<MarathonClient>(
        curl_, resolver_, readCredentials(settings_.text("marathon-auth-file")),
        MarathonClient::Config{.masters = configuredMasters(settings_),
                               .tls = {.caFile = settings_.text("marathon-ca-file"),
                                       .certFile = settings_.text("marathon-cert-file"),
                                       .keyFile = settings_.text("marathon-key-file")},
                               .stallTimeout = settings_.duration("stall-timeout")});
    source_ = std::make_unique<Watcher>(
        timers_, *client_, *keeper_, listener,
        Watcher::Config{.reconnectDelay = settings_.duration("reconnect-delay"),
                        .resyncInterval = settings_.duration("resync-interval"),
                        .seed = std::random_device{}()});
}

void WatcherProcess::restoreState() {
    if (!stateFile_)
        return;
    const auto snapshot = stateFile_->load();
    if (!snapshot)
        return;
    for (const auto& app : snapshot->apps) {
        for (const protocol::Instance& instance : app->instances)
            resolver_.seed(instance.host, instance.hostAddresses);
    }
    keeper_->restore(*snapshot);
    publisher_->restore(*snapshot);
    logInfo("state of the last run in force",
            {{"generation", snapshot->generation}, {"apps", snapshot->apps.size()}});
}

void WatcherProcess::onSourceStatus(const protocol::SourceStatus& status) {
    logInfo("source", {{"state", toString(status.state)}, {"text", status.text}});
    reporter_->setSource(status);
    outlet_->sendSourceStatus(status);
}

void WatcherProcess::onSynchronized() {
    resolver_.forgetExcept(keeper_->store().hosts(),
                           client_ ? client_->hosts() : std::set<std::string>{});
}

void WatcherProcess::resync(const char* why) {
    if (source_)
        source_->resync(why);
}

void WatcherProcess::stop() {
    logInfo("stopping");
    loop_.stop();
}

} // namespace mmsd::marathon
