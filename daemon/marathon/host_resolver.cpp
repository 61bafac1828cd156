// SPDX-License-Identifier: MIT
// HostResolver: addresses of host names, looked up beside everything else.
#include "daemon/marathon/host_resolver.h"

#include "common/backoff.h"
#include "common/event_loop.h"
#include "common/log.h"
#include "common/unique_fd.h"
#include "protocol/limits.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <random>
#include <utility>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;

/** libevent does not tell a record's time to live; agents rarely change their addresses. */
constexpr milliseconds kRefresh{60'000};
constexpr std::array<const char*, 2> kFiles{"/etc/resolv.conf", "/etc/hosts"};
constexpr Backoff::Limits kRetry{milliseconds{1'000}, milliseconds{60'000}, milliseconds{1}};

/** The jitter only spreads load: its quality does not matter. */
std::uint32_t randomNumber() {
    static std::minstd_rand generator{std::random_device{}()};
    return static_cast<std::uint32_t>(generator());
}

/** Also true for a file that is not there. */
bool isReadable(const char* path) noexcept {
    const UniqueFd fd{::open(path, O_RDONLY | O_CLOEXEC)};
    return fd.isDefined() || errno == ENOENT;
}

void logEvdns(int isWarning, const char* message) noexcept {
    log(isWarning != 0 ? LogLevel::Info : LogLevel::Debug, "resolver", {{"text", message}});
}

std::vector<IpAddress> addressesOf(const evutil_addrinfo* list) {
    std::vector<IpAddress> addresses;
    for (; list != nullptr; list = list->ai_next) {
        const auto endpoint =
            InetEndpoint::fromSockaddr(list->ai_addr, static_cast<socklen_t>(list->ai_addrlen));
        if (endpoint)
            addresses.push_back(endpoint->address);
    }
    // Servers rotate their answers; a snapshot must not change with every look-up.
    std::ranges::sort(addresses);
    const auto repeated = std::ranges::unique(addresses);
    addresses.erase(repeated.begin(), repeated.end());
    if (addresses.size() > protocol::kMaxAddresses)
        addresses.resize(protocol::kMaxAddresses);
    return addresses;
}

} // namespace

/** A name that was asked for. */
struct HostResolver::Entry {
    std::string host;
    std::vector<IpAddress> addresses;
    bool isAnswered = false;
    bool hasFailed = false; ///< the last look-up
    Backoff retry{kRetry};
    std::shared_ptr<Query> query; ///< under way
    std::unique_ptr<Timer> timer; ///< to the next look-up
};

/** Links a callback of libevent, which may come late, to its entry. */
struct HostResolver::Query {
    HostResolver& resolver;
    Entry* entry;                ///< null once nobody waits
    std::shared_ptr<Query> self; ///< until the callback has come

    static void onAnswer(int error, evutil_addrinfo* list, void* argument) {
        auto& query = *static_cast<Query*>(argument);
        const std::shared_ptr<Query> keep = std::move(query.self);
        const std::unique_ptr<evutil_addrinfo, decltype(&evutil_freeaddrinfo)> owned{
            list, &evutil_freeaddrinfo};
        if (query.entry == nullptr)
            return;
        query.resolver.loop_.guard([&] {
            query.resolver.onResult(*query.entry, addressesOf(list),
                                    error != 0 ? evutil_gai_strerror(error) : nullptr);
        });
    }
};

void HostResolver::BaseDeleter::operator()(evdns_base* base) const noexcept {
    constexpr int kDropRequests = 0;
    evdns_base_free(base, kDropRequests);
}

HostResolver::HostResolver(EventLoop& loop, TimerFactory& timers)
    : loop_{loop}, timers_{timers}, base_{evdns_base_new(loop.base(), 0)} {
    evdns_set_log_fn(logEvdns);
    if (!base_)
        throw std::bad_alloc{};
    configure();
}

HostResolver::~HostResolver() {
    base_.reset(); // what is under way ends here, without a callback
    for (const auto& [host, entry] : entries_) {
        if (entry->query)
            entry->query->self.reset();
    }
}

void HostResolver::configure() {
    version_ = configurationVersion();
    // Reads /etc/hosts, too; without a resolv.conf, the name server is 127.0.0.1 (resolv.conf(5)).
    evdns_base_resolv_conf_parse(base_.get(), DNS_OPTIONS_ALL, "/etc/resolv.conf");
    // Shorter than libevent's own: a name is tried again anyway.
    evdns_base_set_option(base_.get(), "timeout:", "2");
    evdns_base_set_option(base_.get(), "attempts:", "3");
    // libevent 2.2 and newer; 2.1 has neither EDNS nor TCP, and a truncated answer is a failure.
    evdns_base_set_option(base_.get(), "edns-udp-size:", "1232");
    // Servers that do not answer AAAA queries must not delay the A answer by seconds.
    evdns_base_set_option(base_.get(), "getaddrinfo-allow-skew:", "0.5");
}

void HostResolver::reconfigure() {
    if (!std::ranges::all_of(kFiles, isReadable)) {
        version_ = configurationVersion(); // said once; what is in force stays
        logInfo("resolver configuration was replaced");
        if (onLockedOut_)
            onLockedOut_();
        return;
    }
    logInfo("resolver configuration read again");
    evdns_base_clear_nameservers_and_suspend(base_.get());
    evdns_base_search_clear(base_.get());
    evdns_base_clear_host_addresses(base_.get());
    configure();
    evdns_base_resume(base_.get());
}

std::string HostResolver::configurationVersion() {
    std::string version;
    for (const char* const path : kFiles) {
        struct stat status {};
        if (::stat(path, &status) == 0)
            version += std::to_string(status.st_ino) + ':' + std::to_string(status.st_size) + ':' +
                       std::to_string(status.st_mtim.tv_sec) + '.' +
                       std::to_string(status.st_mtim.tv_nsec) + ' ';
    }
    return version;
}

HostLookup::Answer HostResolver::find(const std::string& host) {
    if (const auto address = IpAddress::parse(host))
        return {{*address}, false};
    const Entry& entry = obtain(host);
    return {entry.addresses, entry.hasFailed && entry.addresses.empty()};
}

void HostResolver::seed(const std::string& host, std::vector<IpAddress> addresses) {
    if (host.empty() || addresses.empty() || IpAddress::parse(host))
        return;
    Entry& entry = obtain(host);
    if (entry.addresses.empty())
        entry.addresses = std::move(addresses);
}

HostResolver::Entry& HostResolver::obtain(const std::string& host) {
    auto& entry = entries_[host];
    if (entry)
        return *entry;
    entry = std::make_unique<Entry>();
    entry->host = host;
    entry->timer = timers_.create([this, e = entry.get()] { look(*e); });
    // Not at once: /etc/hosts answers inside the call, while our caller is busy with the state.
    entry->timer->start(milliseconds{0});
    return *entry;
}

void HostResolver::look(Entry& entry) {
    if (configurationVersion() != version_)
        reconfigure();
    evutil_addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM; // one entry per address
    entry.query = std::make_shared<Query>(Query{*this, &entry, nullptr});
    entry.query->self = entry.query;
    evdns_getaddrinfo(base_.get(), entry.host.c_str(), nullptr, &hints, &Query::onAnswer,
                      entry.query.get());
}

void HostResolver::onResult(Entry& entry, std::vector<IpAddress> addresses, const char* error) {
    entry.query.reset();
    entry.isAnswered = true;
    const bool hadFailed = std::exchange(entry.hasFailed, addresses.empty());
    bool hasChanged = hadFailed != entry.hasFailed;
    milliseconds delay = kRefresh;
    if (entry.hasFailed) {
        if (!hadFailed)
            logWarning("host does not resolve",
                       {{"host", entry.host}, {"reason", error != nullptr ? error : "no address"}});
        // The first retry of Backoff is immediate, which suits crashes but not name servers.
        delay = std::max(entry.retry.next(milliseconds{0}), kRetry.initial);
    } else {
        entry.retry.reset();
        hasChanged = hasChanged || entry.addresses != addresses;
        entry.addresses = std::move(addresses);
    }
    entry.timer->start(jittered(delay, randomNumber()));
    const std::string host = entry.host; // the callee may forget the entry
    if (onAnswer_)
        onAnswer_(host, hasChanged);
}

void HostResolver::forgetExcept(const std::set<std::string>& hosts,
                                const std::set<std::string>& others) {
    std::erase_if(entries_, [&](const auto& item) {
        const auto& [host, entry] = item;
        if (hosts.contains(host) || others.contains(host))
            return false;
        if (entry->query)
            entry->query->entry = nullptr;
        return true;
    });
}

bool HostResolver::isWaiting() const {
    return std::ranges::any_of(entries_, [](const auto& item) {
        return !item.second->isAnswered && item.second->addresses.empty();
    });
}

std::size_t HostResolver::unresolvedCount() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        entries_, [](const auto& item) { return item.second->addresses.empty(); }));
}

} // namespace mmsd::marathon
