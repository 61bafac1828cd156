// SPDX-License-Identifier: MIT
// Channel: duplex frames over a non-blocking stream socket.
#pragma once

#include "common/io_event.h"
#include "common/unique_fd.h"
#include "protocol/frame.h"
#include "protocol/message_gate.h"

#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace mmsd::protocol {

/** Frames shared by several channels without a copy. */
using SharedFrames = std::shared_ptr<const std::vector<std::byte>>;

/** How the reason of a channel that ended without a fault begins. */
inline constexpr std::string_view kClosedByPeer = "closed by peer";

/** Owns the socket of one peer. Used by every process; the peer's bytes are not trusted. */
class Channel {
public:
    /** What a channel tells its owner. */
    class Handler {
    public:
        virtual ~Handler() = default;
        /** May throw ProtocolError: it ends the channel like any other breach. */
        virtual void onFrame(const FrameView& frame) = 0;
        /** Last call; the handler may destroy the channel in it.
         *  @param reason begins with kClosedByPeer, or says what the peer did wrong */
        virtual void onChannelClosed(std::string_view reason) = 0;
    };

    /** @param socket non-blocking stream socket
     *  @param sender whose frames arrive here */
    Channel(EventLoop& loop, UniqueFd socket, Sender sender, Handler& handler);
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /** Queues one frame and writes what the socket takes. A peer that leaves more than
     *  kMaxQueuedControlBytes unread is closed (reported from the loop, never from send()). */
    void send(MessageType type, std::span<const std::byte> payload, std::uint64_t generation = 0);
    void send(MessageType type) { send(type, {}); }
    /** Queues whole frames that others use too; not counted against the control limit. */
    void send(SharedFrames frames);

    /** Borrowed; -1 once it is closed. */
    [[nodiscard]] int socket() const noexcept { return socket_.get(); }
    [[nodiscard]] bool hasUnsent() const noexcept { return !output_.empty(); }
    /** True if some of what was queued as shared has not left. */
    [[nodiscard]] bool hasUnsentShared() const noexcept;

private:
    struct Output {
        std::vector<std::byte> own;
        SharedFrames shared;
        std::size_t written = 0;
        [[nodiscard]] std::span<const std::byte> rest() const noexcept;
    };
    void enqueue(Output output);
    void onReady(bool isReadable, bool isWritable);
    void readSome(const std::weak_ptr<const bool>& lifetime);
    void writeSome();
    /** Ends the channel from inside send(): the loop will call fail() with the reason. */
    void giveUp(std::string_view reason) noexcept;
    void fail(std::string_view reason);

    UniqueFd socket_;
    MessageGate gate_;
    Handler& handler_;
    IoEvent event_;
    std::vector<std::byte> input_;
    std::deque<Output> output_;
    std::size_t controlBytes_ = 0;
    std::string_view failure_; ///< set by giveUp(), a literal
    bool isClosed_ = false;
    /** Expires with this object: handlers may destroy it while it is reading. */
    std::shared_ptr<const bool> lifetime_ = std::make_shared<const bool>(true);
};

} // namespace mmsd::protocol
