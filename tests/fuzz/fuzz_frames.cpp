// SPDX-License-Identifier: MIT
// Fuzzes framing, gate and control messages: what one peer sends, cut anywhere, as a Channel reads
// it. What can be decoded must be encoded to the same bytes again.
#include "common/event_loop.h"
#include "common/sys_error.h"
#include "protocol/channel.h"
#include "protocol/control_messages.h"
#include "protocol/protocol_error.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace mmsd;
using namespace mmsd::protocol;

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

/** The payload once decoded and encoded; nothing for those that other fuzzers are for. */
std::optional<Payload> recode(const FrameView& frame) {
    switch (frame.header.type) {
    case MessageType::Hello: {
        const Hello hello = decodeHello(frame.payload);
        return hello.version == kProtocolVersion ? std::optional{encode(hello)} : std::nullopt;
    }
    case MessageType::Ready: {
        const Ready ready = decodeReady(frame.payload);
        return ready.version == kProtocolVersion ? std::optional{encode(ready)} : std::nullopt;
    }
    case MessageType::Ping:
    case MessageType::Pong:
        return encodeToken(decodeToken(frame.payload));
    case MessageType::SetLogLevel:
        return encodeLogLevel(decodeLogLevel(frame.payload));
    case MessageType::SnapshotBegin:
        return encode(decodeSnapshotBegin(frame.payload));
    case MessageType::SnapshotEnd:
        return encode(decodeSnapshotEnd(frame.payload));
    case MessageType::SnapshotApplied:
        return encode(decodeSnapshotApplied(frame.payload));
    case MessageType::ProcessStatus:
        return encode(decodeProcessStatus(frame.payload));
    case MessageType::SourceStatus:
        return encode(decodeSourceStatus(frame.payload));
    default:
        return std::nullopt;
    }
}

/** What a Status is to a worker and to the supervisor. */
void takeStatus(PayloadView payload, Sender sender) {
    PayloadView report = payload;
    if (sender == Sender::Supervisor) {
        const auto [process, inner] = unwrapStatus(payload);
        require(wrapStatus(process, inner) == Payload(payload.begin(), payload.end()));
        report = inner;
    }
    const StatusReport decoded = decodeStatusReport(report);
    // Encoding may leave out what does not fit, but what it wrote must be stable.
    const Payload first = encode(decoded);
    require(encode(decodeStatusReport(first)) == first);
}

class Recorder final : public Channel::Handler {
public:
    explicit Recorder(Sender sender) : sender_{sender} {}

    void onFrame(const FrameView& frame) override {
        require(frame.payload.size() == frame.header.length);
        require(frame.header.length <= kMaxPayload);
        appendFrame(taken, frame.header.type, frame.header.generation, frame.payload);
        if (frame.header.type == MessageType::Status)
            takeStatus(frame.payload, sender_);
        else if (const auto again = recode(frame))
            require(std::ranges::equal(*again, frame.payload));
    }
    void onChannelClosed(std::string_view reason) override { end = reason; }

    std::vector<std::byte> taken; ///< all admitted frames, one behind the other
    std::string end;

private:
    Sender sender_;
};

void writeAll(int fd, std::span<const std::byte> bytes) {
    // Larger than what a socket holds is not read in between: the fuzzer's inputs are smaller.
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    require(count == static_cast<ssize_t>(bytes.size()));
}

/** Plays the peer: @p input in pieces that end at multiples of @p step. */
Recorder play(std::span<const std::byte> input, Sender sender, std::size_t step) {
    static EventLoop loop;
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
        throwErrno("socketpair");
    UniqueFd peer{ends[0]};
    Recorder recorder{sender};
    Channel channel{loop, UniqueFd{ends[1]}, sender, recorder};
    for (std::size_t at = 0; at < input.size() && recorder.end.empty(); at += step) {
        writeAll(peer.get(), input.subspan(at, std::min(step, input.size() - at)));
        loop.poll();
    }
    peer.reset();
    for (int i = 0; i < 1000 && recorder.end.empty(); ++i)
        loop.poll();
    require(!recorder.end.empty());
    // Nothing is invented: what was taken is what was sent, up to the breach.
    require(recorder.taken.size() <= input.size() &&
            std::equal(recorder.taken.begin(), recorder.taken.end(), input.begin()));
    return recorder;
}

} // namespace

/** The first octet says who sends (modulo 3), the second how the rest is cut. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2)
        return 0;
    const auto sender = static_cast<Sender>(data[0] % 3);
    const std::span input{reinterpret_cast<const std::byte*>(data + 2), size - 2};
    const Recorder whole = play(input, sender, std::max<std::size_t>(input.size(), 1));
    const std::size_t step =
        std::max<std::size_t>(data[1] % 64 * 16 + data[1] / 64, input.size() / 64 + 1);
    const Recorder pieces = play(input, sender, step);
    require(whole.taken == pieces.taken && whole.end == pieces.end);
    return 0;
}
