// SPDX-License-Identifier: MIT
// HttpConnection: one client of the API.
#include "workers/api-server/http_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <utility>

namespace mmsd::api {

namespace {

constexpr std::size_t kReadSize = 16'384;
/** Octets of answers after which pipelined requests wait until the client has taken them. */
constexpr std::size_t kOutputBatch = 32'768;
/** Octets that a client may send behind a held request. */
constexpr std::size_t kMaxUnhandled = kReadSize;
constexpr std::size_t kMaxBuffersPerWrite = 16;

bool isGone(ssize_t received) noexcept {
    return received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR);
}

} // namespace

HttpConnection::HttpConnection(EventLoop& loop, TimerFactory& timers, UniqueFd socket,
                               Mediator& mediator)
    : timers_{timers}, socket_{std::move(socket)}, mediator_{mediator},
      timer_{timers.create([this] { onTimeout(); })}, event_{
                                                          loop, socket_.get(),
                                                          [this](bool isReadable, bool isWritable) {
                                                              onReady(isReadable, isWritable);
                                                          }} {
    setDeadline(kRequestLimit);
    event_.watch(true, false);
}

HttpConnection::~HttpConnection() {
    mediator_.onBacklog(-static_cast<std::ptrdiff_t>(reportedBacklog_));
}

void HttpConnection::drain() {
    isDraining_ = true;
    // A request may have arrived that the loop has not told us of.
    if (phase_ == Phase::Reading)
        readSome();
    if (phase_ == Phase::Reading && parser_.isUntouched()) {
        // Who has just connected is about to ask; who has asked before may be idle for long.
        if (hasAsked_)
            isOver_ = true;
        else if (!isOver_)
            setDeadline(kLastRequestLimit);
    }
    endIfOver();
}

void HttpConnection::reply(const PreparedResponsePtr& response) {
    const bool wasHeld = phase_ == Phase::Held;
    closesAfterWriting_ |= isDraining_;
    queue(response, !isHeadRequest_);
    if (!wasHeld)
        return; // handle() goes on
    phase_ = Phase::Reading;
    mediator_.onMoved(*this);
    handle(std::exchange(unhandled_, {}));
    endIfOver();
}

void HttpConnection::hold(std::chrono::milliseconds limit) {
    phase_ = Phase::Held;
    setDeadline(limit);
    mediator_.onMoved(*this);
}

void HttpConnection::startStream(const PreparedResponsePtr& head,
                                 const std::vector<std::shared_ptr<const std::string>>& first) {
    closesAfterWriting_ = true;
    queue(head, false);
    if (isHeadRequest_)
        return;
    for (const auto& text : first)
        output_.share(text);
    phase_ = Phase::Streaming;
    deadline_ = TimerFactory::TimePoint::max();
    mediator_.onMoved(*this);
}

void HttpConnection::push(const std::shared_ptr<const std::string>& text) {
    assert(phase_ == Phase::Streaming);
    output_.share(text);
    flushStream();
    endIfOver();
}

void HttpConnection::finishStream(const std::shared_ptr<const std::string>& text) {
    assert(phase_ == Phase::Streaming);
    output_.dropUnbegun();
    output_.share(text);
    phase_ = Phase::Writing;
    mediator_.onMoved(*this);
    setDeadline(kWriteLimit);
    if (flush())
        linger();
    else
        event_.watch(false, true);
    endIfOver();
}

void HttpConnection::onReady(bool isReadable, bool isWritable) {
    switch (phase_) {
    case Phase::Reading:
        readSome();
        break;
    case Phase::Writing:
        if (flush())
            afterWriting();
        break;
    case Phase::Held:
        if (isReadable)
            readAhead();
        if (isWritable && !isOver_)
            flush();
        watchHeld();
        break;
    case Phase::Streaming:
        if (isReadable)
            discardSome();
        if (isWritable && !isOver_)
            flushStream();
        break;
    case Phase::Lingering:
        discardSome();
        break;
    }
    endIfOver();
}

void HttpConnection::onTimeout() {
    if (const auto now = timers_.now(); now < deadline_) {
        // The deadline was moved while the timer ran; moving the timer each time would cost more.
        if (deadline_ != TimerFactory::TimePoint::max()) {
            timerDue_ = deadline_;
            timer_->start(std::chrono::ceil<std::chrono::milliseconds>(deadline_ - now));
        }
        return;
    }
    if (phase_ == Phase::Held)
        return mediator_.onHoldOver(*this);
    if (phase_ == Phase::Reading && !parser_.isUntouched()) {
        refuse(408, "request not complete in time");
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
    else
        isOver_ |= isGone(count);
}

/** While a request is held: a client that has gone is noticed, one that goes on is read for a
 *  while. */
void HttpConnection::readAhead() {
    std::array<char, kReadSize> buffer;
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    isOver_ |= isGone(count);
    if (count > 0)
        unhandled_.append(buffer.data(), static_cast<std::size_t>(count));
}

void HttpConnection::watchHeld() {
    event_.watch(unhandled_.size() < kMaxUnhandled, output_.size() > 0);
}

void HttpConnection::discardSome() {
    std::array<char, kReadSize> buffer;
    isOver_ |= isGone(::recv(socket_.get(), buffer.data(), buffer.size(), 0));
}

void HttpConnection::handle(std::string_view octets) {
    while (true) {
        octets.remove_prefix(takeRequests(octets));
        const bool isAllSent = flush();
        if (isOver_)
            return;
        if (phase_ == Phase::Streaming)
            return event_.watch(true, !isAllSent);
        if (phase_ == Phase::Held) {
            unhandled_ = octets;
            return watchHeld();
        }
        if (!isAllSent) {
            if (phase_ != Phase::Writing)
                setDeadline(kWriteLimit);
            phase_ = Phase::Writing;
            unhandled_ = octets;
            return event_.watch(false, true);
        }
        if (closesAfterWriting_)
            return linger();
        if (octets.empty())
            break;
    }
    phase_ = Phase::Reading;
    isOver_ |= isDraining_ && parser_.isUntouched();
    if (parser_.isUntouched()) {
        isRequestTimed_ = false;
        setDeadline(kIdleLimit);
    } else if (!std::exchange(isRequestTimed_, true)) {
        setDeadline(kRequestLimit);
    }
    event_.watch(true, false);
}

void HttpConnection::afterWriting() {
    phase_ = Phase::Reading;
    handle(std::exchange(unhandled_, {}));
}

/** Takes the client's last octets, so that ours are not lost with a reset. */
void HttpConnection::linger() {
    phase_ = Phase::Lingering;
    ::shutdown(socket_.get(), SHUT_WR);
    setDeadline(kLingerLimit);
    event_.watch(true, false);
}

/** Answers whole requests until the octets, or the patience, are used up, or one is held.
 *  @return how many octets were used */
std::size_t HttpConnection::takeRequests(std::string_view octets) {
    std::size_t used = 0;
    while (used < octets.size() && !closesAfterWriting_ && !isHeld() &&
           output_.size() < kOutputBatch) {
        used += parser_.feed(octets.substr(used));
        if (parser_.error()) {
            refuse(parser_.error()->status, parser_.error()->reason);
        } else if (parser_.isComplete()) {
            const HttpRequest& request = parser_.request();
            closesAfterWriting_ = !request.keepsAlive || isDraining_;
            isHeadRequest_ = request.method == "HEAD";
            isRequestTimed_ = false;
            hasAsked_ = true;
            mediator_.onMoved(*this);
            mediator_.respond(request, *this);
            parser_.reset();
        }
    }
    return used;
}

/** Ends the connection behind an answer to what is no request. */
void HttpConnection::refuse(int status, const std::string& reason) {
    closesAfterWriting_ = true;
    queue(prepare(textResponse(status, reason + "\n")), true);
}

void HttpConnection::queue(const PreparedResponsePtr& response, bool hasBody) {
    mediator_.onResponse(response->status);
    std::string& text = output_.tail();
    const std::size_t before = text.size();
    appendHead(text, *response, mediator_.date(), !closesAfterWriting_);
    const bool isShared = hasBody && response->body.size() >= OutputQueue::kShareFrom;
    if (hasBody && !isShared)
        text.append(response->body);
    output_.grown(text.size() - before);
    if (isShared)
        output_.share({response, &response->body});
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
    if (output_.copied() != reportedBacklog_) {
        mediator_.onBacklog(static_cast<std::ptrdiff_t>(output_.copied()) -
                            static_cast<std::ptrdiff_t>(reportedBacklog_));
        reportedBacklog_ = output_.copied();
    }
    return output_.size() == 0;
}

void HttpConnection::flushStream() {
    const std::size_t before = output_.size();
    const bool isAllSent = flush();
    if (isAllSent)
        deadline_ = TimerFactory::TimePoint::max();
    else if (output_.size() < before || deadline_ == TimerFactory::TimePoint::max())
        setDeadline(kWriteLimit);
    event_.watch(true, !isAllSent);
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
