// SPDX-License-Identifier: MIT
// UdpService: answers datagrams in batches.
#pragma once

#include "common/io_event.h"
#include "common/unique_fd.h"
#include "workers/dns-server/datagram_batch.h"

#include <chrono>
#include <cstddef>
#include <memory>

namespace mmsd {
class EventLoop;
}

namespace mmsd::dns {

/** Owns the datagram socket and the buffers of one batch; borrows the responder. */
class UdpService {
public:
    /** @param socket bound, non-blocking, prepared by prepareUdpSocket() */
    UdpService(EventLoop& loop, UniqueFd socket, Responder& responder, DnsCounters& counters);

    /** Begins to answer; until then queries wait in the socket. */
    void start();
    /** Answers what has arrived, then leaves the socket alone: what comes later is the next
     *  process's. */
    void finish();

private:
    using Clock = std::chrono::steady_clock;

    void onReadable();
    /** @param limit queries, about
     *  @param end of looking again where nothing is left */
    void answer(std::size_t limit, Clock::time_point end);
    /** @return what has arrived in the meantime */
    std::size_t lookAgain(Clock::time_point end) noexcept;
    void prefetch(std::size_t count) noexcept;

    UniqueFd socket_;
    Responder& responder_;
    DnsCounters& counters_;
    std::unique_ptr<DatagramBatch> batch_;
    Clock::time_point lastTurn_{}; ///< when it ended
    IoEvent event_;
};

} // namespace mmsd::dns
