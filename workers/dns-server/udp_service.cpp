// SPDX-License-Identifier: MIT
// UdpService: answers datagrams in batches.
#include "workers/dns-server/udp_service.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mmsd::dns {

namespace {

/** Queries answered, and time spent on looking for more, before other events get their turn. */
constexpr std::size_t kQueriesPerTurn = 256;
constexpr std::chrono::microseconds kTurn{500};
/** Sleeping and being woken cost about as much as looking again for so long. Who slept no longer
 *  than this had better not: then the next queries are waited for awake, else never. */
constexpr std::chrono::microseconds kShortSleep{10};
/** Queries that are still answered before the process ends. */
constexpr std::size_t kLastQueries = 4'096;

} // namespace

UdpService::UdpService(EventLoop& loop, UniqueFd socket, Responder& responder,
                       DnsCounters& counters)
    : socket_{std::move(socket)}, responder_{responder}, counters_{counters},
      batch_{std::make_unique<DatagramBatch>()}, event_{loop, socket_.get(),
                                                        [this](bool, bool) { onReadable(); }} {}

void UdpService::start() {
    event_.watch(true, false);
}

void UdpService::finish() {
    event_.cancel();
    answer(kLastQueries, {});
}

void UdpService::onReadable() {
    const auto start = Clock::now();
    const bool isBusy = start - lastTurn_ <= kShortSleep;
    answer(kQueriesPerTurn, isBusy ? start + kTurn : Clock::time_point{});
    lastTurn_ = Clock::now();
}

std::size_t UdpService::lookAgain(Clock::time_point end) noexcept {
    auto now = Clock::now();
    for (end = std::min(end, now + kShortSleep); now < end; now = Clock::now()) {
        if (const std::size_t received = batch_->receive(socket_.get()); received != 0)
            return received;
    }
    return 0;
}

void UdpService::answer(std::size_t limit, Clock::time_point end) {
    DatagramBatch& batch = *batch_;
    // Until nothing is left: an empty look costs less than a way through the event loop, after
    // which under load the next query would be there.
    for (std::size_t answered = 0; answered < limit;) {
        std::size_t received = batch.receive(socket_.get());
        if (received == 0)
            received = lookAgain(end);
        if (received == 0)
            return;
        answered += received;
        prefetch(received);
        for (std::size_t i = 0; i < received; ++i) {
            const std::size_t size =
                responder_.respond(batch.query(i), Transport::Udp, batch.reply());
            if (size != 0)
                batch.addReply(i, size);
        }
        counters_.of(Transport::Udp).dropped += batch.send(socket_.get());
    }
}

void UdpService::prefetch(std::size_t count) noexcept {
    if (count < 2)
        return;
    std::array<std::uint64_t, DatagramBatch::kCapacity> hashes;
    for (std::size_t i = 0; i < count; ++i)
        hashes[i] = responder_.prefetchSlot(batch_->query(i));
    for (std::size_t i = 0; i < count; ++i)
        responder_.prefetchNode(hashes[i]);
    for (std::size_t i = 0; i < count; ++i)
        responder_.prefetchAnswer(hashes[i]);
}

} // namespace mmsd::dns
