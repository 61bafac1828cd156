// SPDX-License-Identifier: MIT
// TcpConnection: one client's stream of queries and answers.
#include "workers/dns-server/tcp_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mmsd::dns {

namespace {

bool isTransient(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

} // namespace

TcpConnection::TcpConnection(EventLoop& loop, UniqueFd socket, Responder& responder,
                             std::span<std::uint8_t> reply, Handler& handler)
    : socket_{std::move(socket)}, responder_{responder}, reply_{reply}, handler_{handler},
      event_{loop, socket_.get(), [this](bool isReadable, bool) { onReady(isReadable); }} {
    event_.watch(true, false);
}

void TcpConnection::finish() {
    event_.cancel();
    static_cast<void>(readSome() && serve());
}

void TcpConnection::onReady(bool isReadable) {
    if ((isReadable && !readSome()) || !serve() || (hasPeerFinished_ && unsent() == 0)) {
        handler_.onEnd(*this);
        return;
    }
    event_.watch(unsent() < kMaxTcpOutput && !hasPeerFinished_, unsent() != 0);
}

bool TcpConnection::serve() {
    std::size_t before = 0;
    do {
        before = inputSize_;
        if (!answerWholeQueries() || !writeSome())
            return false;
        // Queries that had to wait for room: nothing else will wake this connection for them.
    } while (unsent() == 0 && inputSize_ < before);
    return true;
}

bool TcpConnection::readSome() {
    if (inputSize_ == input_.size())
        return true;
    const ssize_t size =
        ::recv(socket_.get(), input_.data() + inputSize_, input_.size() - inputSize_, MSG_DONTWAIT);
    if (size < 0)
        return isTransient(errno);
    hasPeerFinished_ = size == 0;
    inputSize_ += static_cast<std::size_t>(size);
    return true;
}

bool TcpConnection::answerWholeQueries() {
    std::size_t used = 0;
    while (inputSize_ - used >= 2 && unsent() < kMaxTcpOutput) {
        const std::size_t size = getU16(&input_[used]);
        if (size > kMaxTcpQuery)
            return false;
        if (inputSize_ - used - 2 < size)
            break;
        const std::size_t replySize =
            responder_.respond({&input_[used + 2], size}, Transport::Tcp, reply_);
        used += 2 + size;
        // Over a stream nothing is lost: who sends what cannot be answered does not speak DNS.
        if (replySize == 0)
            return false;
        output_.push_back(static_cast<std::uint8_t>(replySize >> 8));
        output_.push_back(static_cast<std::uint8_t>(replySize));
        output_.insert(output_.end(), reply_.begin(),
                       reply_.begin() + static_cast<std::ptrdiff_t>(replySize));
        hasAnswered_ = true;
        handler_.onProgress(*this);
    }
    std::copy(input_.begin() + static_cast<std::ptrdiff_t>(used),
              input_.begin() + static_cast<std::ptrdiff_t>(inputSize_), input_.begin());
    inputSize_ -= used;
    return true;
}

bool TcpConnection::writeSome() {
    if (unsent() == 0)
        return true;
    const ssize_t size =
        ::send(socket_.get(), output_.data() + written_, unsent(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0)
        return isTransient(errno);
    written_ += static_cast<std::size_t>(size);
    if (unsent() == 0) {
        // Idle clients keep no memory beyond a small buffer.
        output_ = {};
        written_ = 0;
        handler_.onProgress(*this);
    }
    return true;
}

} // namespace mmsd::dns
