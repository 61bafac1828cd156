// SPDX-License-Identifier: MIT
// UdpService: answers datagrams in batches.
#include "workers/dns-server/udp_service.h"

#include <array>
#include <utility>

namespace mmsd::dns {

namespace {

/** Queries answered before other events get their turn: about half a millisecond. */
constexpr std::size_t kQueriesPerTurn = 256;
/** Queries that are still answered before the process ends. */
constexpr std::size_t kLastQueries = 4'096;

} // namespace

UdpService::UdpService(EventLoop& loop, UniqueFd socket, Responder& responder,
                       DnsCounters& counters)
    : socket_{std::move(socket)}, responder_{responder}, counters_{counters},
      batch_{std::make_unique<DatagramBatch>()}, event_{loop, socket_.get(), [this](bool, bool) {
                                                            answer(kQueriesPerTurn);
                                                        }} {}

void UdpService::start() {
    event_.watch(true, false);
}

void UdpService::finish() {
    event_.cancel();
    answer(kLastQueries);
}

void UdpService::answer(std::size_t limit) {
    DatagramBatch& batch = *batch_;
    // Until nothing is left: an empty look costs less than a way through the event loop, after
    // which under load the next query would be there.
    for (std::size_t answered = 0; answered < limit;) {
        const std::size_t received = batch.receive(socket_.get());
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
