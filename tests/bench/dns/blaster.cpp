// SPDX-License-Identifier: MIT
// blaster: asks a DNS server as fast as it answers, in batches, and counts what comes back.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 64;
/** Without an answer for this long, what is in flight counts as lost. */
constexpr std::chrono::milliseconds kLostAfter{1'000};

constexpr std::chrono::milliseconds kLateAfter{10};

struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 53;
    std::string queries;
    std::size_t sockets = 1;
    std::size_t window = 128;
    double seconds = 3;
    double rate = 0; ///< queries per second over all sockets; 0 = as fast as answers come
};

struct Counts {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t lost = 0;
    std::uint64_t truncated = 0;
    std::uint64_t octets = 0;
    std::array<std::uint64_t, 16> rcodes{};
    std::uint64_t late = 0; ///< answered after more than kLateAfter
    Clock::duration longest{0};
};

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

std::uint16_t typeNumber(const std::string& name) {
    static const std::map<std::string, std::uint16_t> kTypes{
        {"A", 1}, {"AAAA", 28}, {"SRV", 33}, {"TXT", 16}, {"PTR", 12}, {"SOA", 6}, {"NS", 2}};
    const auto found = kTypes.find(name);
    return found == kTypes.end() ? std::uint16_t{1} : found->second;
}

/** "name type" to a message with an OPT record of 1232 octets, as resolvers send it. */
std::vector<std::uint8_t> makeQuery(const std::string& name, const std::string& type) {
    std::vector<std::uint8_t> message{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    std::size_t start = 0;
    while (start < name.size()) {
        const std::size_t end = std::min(name.find('.', start), name.size());
        if (end == start)
            break;
        message.push_back(static_cast<std::uint8_t>(end - start));
        message.insert(message.end(), name.begin() + static_cast<std::ptrdiff_t>(start),
                       name.begin() + static_cast<std::ptrdiff_t>(end));
        start = end + 1;
    }
    const std::uint16_t number = typeNumber(type);
    message.insert(message.end(), {0, static_cast<std::uint8_t>(number >> 8),
                                   static_cast<std::uint8_t>(number), 0, 1});
    message.insert(message.end(), {0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0});
    return message;
}

std::vector<std::vector<std::uint8_t>> readQueries(const std::string& path) {
    std::vector<std::vector<std::uint8_t>> queries;
    std::ifstream file{path};
    std::string name;
    std::string type;
    while (file >> name >> type)
        queries.push_back(makeQuery(name, type));
    if (queries.empty()) {
        std::fprintf(stderr, "no queries in %s\n", path.c_str());
        std::exit(1);
    }
    return queries;
}

/** One connected socket with its queries in flight. */
class Client {
public:
    explicit Client(const Options& options)
        : window_{options.window}, sentAt_(options.rate > 0 ? 65'536 : 0) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            inParts_[i] = {replies_[i].data(), replies_[i].size()};
            in_[i].msg_hdr.msg_iov = &inParts_[i];
            in_[i].msg_hdr.msg_iovlen = 1;
        }
        fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const int size = 4 << 20;
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(options.port);
        if (::inet_pton(AF_INET, options.address.c_str(), &address.sin_addr) != 1 || fd_ < 0 ||
            ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            fail("connect");
    }

    void send(const std::vector<std::vector<std::uint8_t>>& queries, std::size_t& next,
              std::size_t allowed, Counts& counts) {
        const std::size_t count = std::min({window_ - inFlight_, kBatch, allowed});
        if (count == 0)
            return;
        // Queries of one size leave in one send: the client must be faster than the server.
        std::size_t size = 0;
        std::size_t sent = 0;
        std::array<std::uint16_t, kBatch> ids;
        for (; sent < count; ++sent) {
            const auto& query = queries[next];
            if (sent != 0 && query.size() != size)
                break;
            size = query.size();
            std::uint8_t* const at = buffer_.data() + sent * size;
            std::memcpy(at, query.data(), size);
            ids[sent] = ++id_;
            at[0] = static_cast<std::uint8_t>(id_ >> 8);
            at[1] = static_cast<std::uint8_t>(id_);
            next = next + 1 == queries.size() ? 0 : next + 1;
        }
        iovec part{buffer_.data(), sent * size};
        alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> control{};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        if (sent > 1) {
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            cmsghdr* const item = CMSG_FIRSTHDR(&message);
            item->cmsg_level = SOL_UDP;
            item->cmsg_type = UDP_SEGMENT;
            item->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
            const auto segment = static_cast<std::uint16_t>(size);
            std::memcpy(CMSG_DATA(item), &segment, sizeof segment);
        }
        if (::sendmsg(fd_, &message, 0) < 0)
            return;
        const auto now = Clock::now();
        if (inFlight_ == 0)
            lastAnswer_ = now;
        for (std::size_t i = 0; i < sent && !sentAt_.empty(); ++i)
            sentAt_[ids[i]] = now;
        inFlight_ += sent;
        counts.sent += sent;
    }

    void receive(Counts& counts) {
        const int received = ::recvmmsg(fd_, in_.data(), kBatch, MSG_DONTWAIT, nullptr);
        if (received <= 0) {
            if (inFlight_ > 0 && Clock::now() - lastAnswer_ > kLostAfter) {
                counts.lost += inFlight_;
                inFlight_ = 0;
            }
            return;
        }
        lastAnswer_ = Clock::now();
        for (std::size_t i = 0; i < static_cast<std::size_t>(received); ++i) {
            ++counts.rcodes[replies_[i][3] & 15];
            counts.truncated += (replies_[i][2] & 2) != 0;
            counts.octets += in_[i].msg_len;
            if (sentAt_.empty())
                continue;
            const auto taken = lastAnswer_ - sentAt_[getId(replies_[i].data())];
            counts.late += taken > kLateAfter;
            counts.longest = std::max(counts.longest, taken);
        }
        const auto answers = static_cast<std::size_t>(received);
        counts.received += answers;
        inFlight_ -= std::min(inFlight_, answers);
    }

private:
    static std::uint16_t getId(const std::uint8_t* message) {
        return static_cast<std::uint16_t>(message[0] << 8 | message[1]);
    }

    int fd_ = -1;
    std::size_t window_;
    std::size_t inFlight_ = 0;
    std::uint16_t id_ = 0;
    Clock::time_point lastAnswer_{};
    std::vector<Clock::time_point> sentAt_; ///< by id; only at a given rate, it costs too much
    std::array<mmsghdr, kBatch> in_{};
    std::array<iovec, kBatch> inParts_{};
    std::array<std::uint8_t, 512 * kBatch> buffer_{};
    std::array<std::array<std::uint8_t, 4096>, kBatch> replies_{};
};

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string key = argv[i];
        const char* value = argv[i + 1];
        if (key == "--address")
            options.address = value;
        else if (key == "--port")
            options.port = static_cast<std::uint16_t>(std::atoi(value));
        else if (key == "--queries")
            options.queries = value;
        else if (key == "--sockets")
            options.sockets = static_cast<std::size_t>(std::atoi(value));
        else if (key == "--window")
            options.window = static_cast<std::size_t>(std::atoi(value));
        else if (key == "--seconds")
            options.seconds = std::atof(value);
        else if (key == "--rate")
            options.rate = std::atof(value);
        else
            std::exit(64);
    }
    return options;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const auto queries = readQueries(options.queries);
    std::list<Client> clients; // they point into themselves
    for (std::size_t i = 0; i < options.sockets; ++i)
        clients.emplace_back(options);

    Counts counts;
    std::size_t next = 0;
    const auto start = Clock::now();
    double elapsed = 0;
    while ((elapsed = std::chrono::duration<double>(Clock::now() - start).count()) <
           options.seconds) {
        for (Client& client : clients) {
            std::size_t allowed = kBatch;
            if (options.rate > 0) {
                const auto due = static_cast<std::uint64_t>(elapsed * options.rate);
                allowed = due > counts.sent ? due - counts.sent : 0;
            }
            client.send(queries, next, allowed, counts);
            client.receive(counts);
        }
    }
    const auto last = Clock::now();
    while (counts.received + counts.lost < counts.sent && Clock::now() - last < kLostAfter * 2) {
        for (Client& client : clients)
            client.receive(counts);
    }
    std::printf("{\"qps\": %.0f, \"sent\": %llu, \"received\": %llu, \"lost\": %llu, "
                "\"truncated\": %llu, \"octets\": %llu, \"noerror\": %llu, \"nxdomain\": %llu, "
                "\"late\": %llu, \"longest_ms\": %.2f, \"seconds\": %.3f}\n",
                static_cast<double>(counts.received) / elapsed,
                static_cast<unsigned long long>(counts.sent),
                static_cast<unsigned long long>(counts.received),
                static_cast<unsigned long long>(counts.lost),
                static_cast<unsigned long long>(counts.truncated),
                static_cast<unsigned long long>(counts.octets),
                static_cast<unsigned long long>(counts.rcodes[0]),
                static_cast<unsigned long long>(counts.rcodes[3]),
                static_cast<unsigned long long>(counts.late),
                std::chrono::duration<double, std::milli>(counts.longest).count(), elapsed);
    return 0;
}
