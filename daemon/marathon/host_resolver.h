// SPDX-License-Identifier: MIT
// HostResolver: addresses of host names, looked up beside everything else.
#pragma once

#include "common/timer.h"
#include "daemon/marathon/app_evaluator.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

struct evdns_base;

namespace mmsd {
class EventLoop;
}

namespace mmsd::marathon {

/** Keeps what DNS and /etc/hosts say of the names that were asked for, refreshed now and then.
 *  A name that no longer resolves keeps its last addresses. Numeric hosts need no look-up. */
class HostResolver final : public HostLookup {
public:
    /** Called after each look-up, from the event loop. */
    using OnAnswer = std::function<void(const std::string& host, bool hasChanged)>;

    /** Reads /etc/resolv.conf and /etc/hosts. */
    HostResolver(EventLoop& loop, TimerFactory& timers);
    ~HostResolver() override;

    void setOnAnswer(OnAnswer onAnswer) { onAnswer_ = std::move(onAnswer); }
    /** Called when resolv.conf or hosts was replaced by a file that the sandbox does not let us
     *  read: only a new process can. */
    void setOnLockedOut(std::function<void()> onLockedOut) {
        onLockedOut_ = std::move(onLockedOut);
    }

    [[nodiscard]] Answer find(const std::string& host) override;
    [[nodiscard]] bool isWaiting() const override;
    /** Takes addresses of an earlier run for known, until a look-up tells better. */
    void seed(const std::string& host, std::vector<IpAddress> addresses);
    /** Forgets names that are not in @p hosts nor in @p others. */
    void forgetExcept(const std::set<std::string>& hosts, const std::set<std::string>& others);

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    /** Names without any address. */
    [[nodiscard]] std::size_t unresolvedCount() const noexcept;

private:
    struct Entry;
    struct Query;
    struct BaseDeleter {
        void operator()(evdns_base* base) const noexcept;
    };

    Entry& obtain(const std::string& host);
    void look(Entry& entry);
    void onResult(Entry& entry, std::vector<IpAddress> addresses, const char* error);
    void configure();
    void reconfigure();
    [[nodiscard]] static std::string configurationVersion();

    EventLoop& loop_;
    TimerFactory& timers_;
    OnAnswer onAnswer_;
    std::function<void()> onLockedOut_;
    std::string version_; ///< of the files that the base was configured from
    std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
    std::unique_ptr<evdns_base, BaseDeleter> base_;
};

} // namespace mmsd::marathon
