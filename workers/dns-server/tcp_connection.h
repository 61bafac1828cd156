// SPDX-License-Identifier: MIT
// TcpConnection: one client's stream of queries and answers.
#pragma once

#include "common/io_event.h"
#include "common/unique_fd.h"
#include "workers/dns-server/responder.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mmsd::dns {

/** Octets of a query over TCP: several times what one with every option needs. */
inline constexpr std::size_t kMaxTcpQuery = 4'094;
/** Octets of answers that wait for a slow reader before no more of its queries are read. */
inline constexpr std::size_t kMaxTcpOutput = 65'536;

/** Owns the socket of a client; borrows the responder. Pipelined queries are answered in their
 *  order, all that have arrived in one write. Source: RFC 7766 §6.2.1. */
class TcpConnection {
public:
    /** What a connection tells its owner. */
    class Handler {
    public:
        virtual ~Handler() = default;
        /** A query was answered, or all answers have been taken: the client is alive. */
        virtual void onProgress(TcpConnection& connection) = 0;
        /** Last call; the handler destroys the connection in it. */
        virtual void onEnd(TcpConnection& connection) = 0;
    };

    /** @param reply scratch space of kMaxMessageSize, used within calls only */
    TcpConnection(EventLoop& loop, UniqueFd socket, Responder& responder,
                  std::span<std::uint8_t> reply, Handler& handler);

    /** Answers what has arrived and writes what the client takes now, without ending. */
    void finish();
    /** True if its first query, or the rest of one, has still to come. */
    [[nodiscard]] bool isAwaited() const noexcept { return !hasAnswered_ || inputSize_ != 0; }

private:
    void onReady(bool isReadable);
    /** Each of them: false when the connection is at its end. */
    bool readSome();
    bool serve();
    bool answerWholeQueries();
    bool writeSome();

    [[nodiscard]] std::size_t unsent() const noexcept { return output_.size() - written_; }

    UniqueFd socket_;
    Responder& responder_;
    std::span<std::uint8_t> reply_;
    Handler& handler_;
    std::array<std::uint8_t, 2 + kMaxTcpQuery> input_;
    std::size_t inputSize_ = 0;
    std::vector<std::uint8_t> output_;
    std::size_t written_ = 0;
    bool hasAnswered_ = false;
    bool hasPeerFinished_ = false;
    IoEvent event_;
};

} // namespace mmsd::dns
