// SPDX-License-Identifier: MIT
// HttpConnection: one client of the API.
#include "workers/api-server/http_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace mmsd::api {

namespace {

constexpr std::size_t kReadSize = 16'384;
/** Octets of answers after which pipelined requests wait until the client has taken them. */
constexpr std::size_t kOutputBatch = 65'536;
constexpr std::size_t kMaxBuffersPerWrite = 16;

} // namespace

HttpConnection::HttpConnection(EventLoop& loop, TimerFactory& timers, UniqueFd socket,
                               Mediator& mediator)
    : timers_{timers}, socket_{std::move(socket)}, mediator_{mediator},
      idleSince_{timers.now()}, timer_{timers.create([this] { onTimeout(); })},
      event_{loop, socket_.get(),
             [this](bool isReadable, bool isWritable) { onReady(isReadable, isWritable); }} {
    setDeadline(kRequestLimit);
    event_.watch(true, false);
}

HttpConnection::~HttpConnection() {
    mediator_.onBacklog(-static_cast<std::ptrdiff_t>(reportedBacklog_));
}

bool HttpConnection::isIdle() const noexcept {
    return phase_ == Phase::Reading && parser_.isUntouched();
}

void HttpConnection::drain() {
    isDraining_ = true;
    // A request may have arrived that the loop has not told us of.
    if (phase_ == Phase::Reading)
        readSome();
    isOver_ |= isIdle();
    endIfOver();
}

void HttpConnection::onReady(bool isReadable, bool isWritable) {
    if (phase_ == Phase::Lingering)
        discardSome();
    else if (phase_ == Phase::Writing && isWritable && flush())
        afterWriting();
    else if (phase_ == Phase::Reading && isReadable)
        readSome();
    endIfOver();
}

void HttpConnection::onTimeout() {
    if (const auto now = timers_.now(); now < deadline_) {
        // The deadline was moved while the timer ran; moving the timer each time would cost more.
        timerDue_ = deadline_;
        timer_->start(std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now));
        return;
    }
    if (phase_ == Phase::Reading && !parser_.isUntouched()) {
        mediator_.onRefused(408);
        closesAfterWriting_ = true;
        queue(prepare(textResponse(408, "request not complete in time\n")), true);
        flush();
    }
    isOver_ = true;
    endIfOver();
}

void HttpConnection::readSome() {
    std::array<char, kReadSize> buffer;
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0)
        handle({buffer.data(), static_cast<std::size_t>(count)});
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        isOver_ = true;
}

void HttpConnection::discardSome() {
    std::array<char, kReadSize> buffer;
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        isOver_ = true;
}

void HttpConnection::handle(std::string_view octets) {
    while (true) {
        octets.remove_prefix(takeRequests(octets));
        if (!flush()) {
            if (phase_ != Phase::Writing)
                setDeadline(kWriteLimit);
            phase_ = Phase::Writing;
            unhandled_ = octets;
            event_.watch(false, true);
            return;
        }
        if (isOver_)
            return;
        if (closesAfterWriting_ || octets.empty())
            break;
    }
    if (closesAfterWriting_) {
        phase_ = Phase::Lingering;
        ::shutdown(socket_.get(), SHUT_WR);
        setDeadline(kLingerLimit);
    } else {
        phase_ = Phase::Reading;
        isOver_ |= isDraining_ && parser_.isUntouched();
        if (parser_.isUntouched()) {
            idleSince_ = timers_.now();
            isRequestTimed_ = false;
            setDeadline(kIdleLimit);
        } else if (!std::exchange(isRequestTimed_, true)) {
            setDeadline(kRequestLimit);
        }
    }
    event_.watch(true, false);
}

void HttpConnection::afterWriting() {
    phase_ = Phase::Reading;
    handle(std::exchange(unhandled_, {}));
}

/** Answers whole requests until the octets, or the patience, are used up.
 *  @return how many octets were used */
std::size_t HttpConnection::takeRequests(std::string_view octets) {
    std::size_t used = 0;
    while (used < octets.size() && !closesAfterWriting_ && output_.size() < kOutputBatch) {
        used += parser_.feed(octets.substr(used));
        if (parser_.error()) {
            mediator_.onRefused(parser_.error()->status);
            closesAfterWriting_ = true;
            queue(prepare(textResponse(parser_.error()->status, parser_.error()->reason + "\n")),
                  true);
        } else if (parser_.isComplete()) {
            const HttpRequest& request = parser_.request();
            closesAfterWriting_ = !request.keepsAlive || isDraining_;
            queue(mediator_.respond(request), request.method != "HEAD");
            parser_.reset();
            isRequestTimed_ = false;
        }
    }
    return used;
}

void HttpConnection::queue(const PreparedResponsePtr& response, bool hasBody) {
    std::string& text = output_.tail();
    const std::size_t before = text.size();
    appendHead(text, *response, mediator_.date(), !closesAfterWriting_);
    output_.grown(text.size() - before);
    if (hasBody)
        output_.add({response, &response->body});
}

/** Sends what the socket takes. @return true if nothing is left to be sent, or nobody to take it */
bool HttpConnection::flush() {
    while (output_.size() > 0) {
        std::array<iovec, kMaxBuffersPerWrite> buffers;
        msghdr message{};
        message.msg_iov = buffers.data();
        message.msg_iovlen = output_.gather(buffers);
        const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0) {
            isOver_ = true;
            return true;
        }
        output_.consume(static_cast<std::size_t>(sent));
    }
    if (output_.size() != reportedBacklog_) {
        mediator_.onBacklog(static_cast<std::ptrdiff_t>(output_.size()) -
                            static_cast<std::ptrdiff_t>(reportedBacklog_));
        reportedBacklog_ = output_.size();
    }
    return output_.size() == 0;
}

void HttpConnection::setDeadline(std::chrono::milliseconds fromNow) {
    const auto now = timers_.now();
    deadline_ = now + fromNow;
    if (timer_->isActive() && timerDue_ <= deadline_)
        return; // it fires early and is moved then
    timerDue_ = deadline_;
    timer_->start(fromNow);
}

void HttpConnection::endIfOver() {
    if (isOver_)
        mediator_.onClosed(*this);
}

} // namespace mmsd::api
