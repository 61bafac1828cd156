// SPDX-License-Identifier: MIT
// Channel: non-blocking reads and writes of frames.
#include "protocol/channel.h"

#include "protocol/limits.h"
#include "protocol/protocol_error.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <new>
#include <utility>

namespace mmsd::protocol {

namespace {

constexpr std::size_t kReadSize = 65'536;
/** Octets read per wake-up: one busy peer must not keep the loop from the others. */
constexpr std::size_t kReadBudget = 4 * kReadSize;
constexpr std::size_t kMaxBuffersPerWrite = 16;

} // namespace

std::span<const std::byte> Channel::Output::rest() const noexcept {
    return std::span{shared ? *shared : own}.subspan(written);
}

Channel::Channel(EventLoop& loop, UniqueFd socket, Sender sender, Handler& handler)
    : socket_{std::move(socket)}, gate_{sender}, handler_{handler},
      event_{loop, socket_.get(),
             [this](bool isReadable, bool isWritable) { onReady(isReadable, isWritable); }} {
    event_.watch(true, false);
}

void Channel::send(MessageType type, std::span<const std::byte> payload, std::uint64_t generation) {
    Output output;
    appendFrame(output.own, type, generation, payload);
    if (controlBytes_ + output.own.size() > kMaxQueuedControlBytes) {
        giveUp("peer does not read");
        return;
    }
    controlBytes_ += output.own.size();
    enqueue(std::move(output));
}

void Channel::send(SharedFrames frames) {
    enqueue({.own = {}, .shared = std::move(frames), .written = 0});
}

bool Channel::hasUnsentShared() const noexcept {
    return std::ranges::any_of(output_, [](const Output& each) { return each.shared != nullptr; });
}

void Channel::enqueue(Output output) {
    if (isClosed_ || !failure_.empty() || output.rest().empty())
        return;
    output_.push_back(std::move(output));
    if (output_.size() == 1)
        writeSome();
}

void Channel::writeSome() {
    while (!output_.empty()) {
        std::array<iovec, kMaxBuffersPerWrite> buffers;
        const std::size_t count = std::min(output_.size(), buffers.size());
        for (std::size_t i = 0; i < count; ++i) {
            const auto rest = output_[i].rest();
            buffers[i] = {const_cast<std::byte*>(rest.data()), rest.size()};
        }
        msghdr message{};
        message.msg_iov = buffers.data();
        message.msg_iovlen = count;
        const ssize_t written = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN)
            break;
        if (written < 0) {
            const bool isGone = errno == EPIPE || errno == ECONNRESET;
            giveUp(isGone ? kClosedByPeer : "cannot write to peer");
            return;
        }
        for (auto left = static_cast<std::size_t>(written); left > 0;) {
            Output& first = output_.front();
            const std::size_t part = std::min(left, first.rest().size());
            first.written += part;
            left -= part;
            if (!first.rest().empty())
                break;
            controlBytes_ -= first.own.size();
            output_.pop_front();
        }
    }
    event_.watch(true, !output_.empty());
}

void Channel::giveUp(std::string_view reason) noexcept {
    if (failure_.empty())
        failure_ = reason;
    output_.clear();
    controlBytes_ = 0;
    // Makes the socket readable, with end of file behind what the peer has sent: the loop reports.
    ::shutdown(socket_.get(), SHUT_RDWR);
}

void Channel::onReady(bool isReadable, bool isWritable) {
    const std::weak_ptr<const bool> lifetime = lifetime_;
    try {
        if (isWritable)
            writeSome();
        if (isReadable)
            readSome(lifetime);
    } catch (const ProtocolError& error) {
        if (!lifetime.expired())
            fail(error.what());
    } catch (const std::bad_alloc&) {
        // A peer that makes us run out of memory ends like one that breaks the protocol.
        if (!lifetime.expired())
            fail("out of memory");
    }
}

void Channel::readSome(const std::weak_ptr<const bool>& lifetime) {
    for (std::size_t total = 0; total < kReadBudget;) {
        const std::size_t kept = input_.size();
        input_.resize(kept + kReadSize);
        const ssize_t received = ::recv(socket_.get(), input_.data() + kept, kReadSize, 0);
        const int error = errno;
        input_.resize(kept + static_cast<std::size_t>(std::max<ssize_t>(received, 0)));
        if (received < 0 && error == EINTR)
            continue;
        if (received < 0 && error == EAGAIN)
            return;
        if (received <= 0) {
            const bool isBroken = received < 0 && error != ECONNRESET;
            fail(!failure_.empty() ? failure_
                 : isBroken        ? "cannot read from peer"
                 : !input_.empty() ? "closed by peer inside a frame"
                                   : kClosedByPeer);
            return;
        }
        total += static_cast<std::size_t>(received);

        std::span<const std::byte> rest{input_};
        while (const auto frame = takeFrame(rest)) {
            gate_.admit(frame->header);
            handler_.onFrame(*frame);
            if (lifetime.expired())
                return;
        }
        input_.erase(input_.begin(), input_.end() - static_cast<std::ptrdiff_t>(rest.size()));
        if (static_cast<std::size_t>(received) < kReadSize)
            return;
    }
}

void Channel::fail(std::string_view reason) {
    isClosed_ = true;
    event_.cancel();
    socket_.reset();
    output_.clear();
    handler_.onChannelClosed(reason);
}

} // namespace mmsd::protocol
