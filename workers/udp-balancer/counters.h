// SPDX-License-Identifier: MIT
// What is counted for each UDP service.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mmsd::udp {

/** Why a datagram went nowhere. */
enum class Drop : std::uint8_t {
    NoInstance,          ///< none serves
    NoSocket,            ///< out of descriptors, ports or memory for a new session
    BadSource,           ///< port 0, or the service's own address: an answer would come back here
    InstanceUnreachable, ///< refused by, or no way to, every instance that was tried
    InstanceBufferFull,  ///< towards an instance
    ClientUnreachable,   ///< no way to the client
    ClientBufferFull,    ///< towards the clients
    TooLarge,            ///< more than the other side's protocol carries
    Stranger,            ///< answer to a multicast from something that is no instance
};
inline constexpr std::array<std::string_view, 9> kDropNames{"no_instance",
                                                            "no_socket",
                                                            "bad_source",
                                                            "instance_unreachable",
                                                            "instance_buffer_full",
                                                            "client_unreachable",
                                                            "client_buffer_full",
                                                            "too_large",
                                                            "stranger"};

/** Of one service, since it is served. */
struct Counters {
    std::uint64_t datagramsIn = 0; ///< from clients
    std::uint64_t bytesIn = 0;
    std::uint64_t datagramsOut = 0; ///< to clients
    std::uint64_t bytesOut = 0;
    std::uint64_t instanceErrors = 0; ///< ICMP errors and failed connects
    std::array<std::uint64_t, kDropNames.size()> dropped{};

    void drop(Drop reason, std::uint64_t count = 1) noexcept {
        dropped[static_cast<std::size_t>(reason)] += count;
    }
    void add(const Counters& other) noexcept {
        datagramsIn += other.datagramsIn;
        bytesIn += other.bytesIn;
        datagramsOut += other.datagramsOut;
        bytesOut += other.bytesOut;
        instanceErrors += other.instanceErrors;
        for (std::size_t i = 0; i < dropped.size(); ++i)
            dropped[i] += other.dropped[i];
    }
};

} // namespace mmsd::udp
