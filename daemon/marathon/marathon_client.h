// SPDX-License-Identifier: MIT
// MarathonClient: HTTP requests to the Marathon masters.
#pragma once

#include "daemon/marathon/credentials.h"
#include "daemon/marathon/host_resolver.h"
#include "daemon/marathon/http_request.h"
#include "daemon/marathon/marathon_api.h"
#include "daemon/marathon/master_list.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace mmsd::marathon {

/** Owns all requests under way. Host names are resolved by HostResolver and handed to libcurl,
 *  whose own resolver would need a thread. */
class MarathonClient final : public MarathonApi {
public:
    struct Config {
        std::vector<Url> masters;
        HttpTls tls;
        std::chrono::milliseconds stallTimeout;
    };
    MarathonClient(CurlLoop& curl, HostResolver& resolver, Credentials credentials, Config config);
    ~MarathonClient() override;

    void openStream(StreamHandler& handler) override;
    void closeStream() override;
    void fetch(Resource resource, const std::string& id, OnChunk onChunk,
               OnAnswer onAnswer) override;
    [[nodiscard]] bool hasNewCredentials() const override { return credentials_.hasChanged(); }
    void useNextMaster() override { masters_.advance(); }
    [[nodiscard]] std::size_t masterCount() const override { return masters_.size(); }

    /** To be called for each answer of the resolver. */
    void onHostAnswered(const std::string& host);
    /** Names of the masters, for HostResolver::forgetExcept. */
    [[nodiscard]] std::set<std::string> hosts() const;

private:
    struct Fetch;
    struct Stream;

    [[nodiscard]] HttpRequestSpec specFor(const Url& url, const char* accept, bool mayAuthorize);
    /** The value for CURLOPT_RESOLVE. @return false if the host has no address */
    [[nodiscard]] bool resolve(const Origin& origin, std::string& out, bool& hasFailed);
    void connectStream();
    void onStreamProgress(const HttpProgress& progress);
    void onStreamHead(const HttpHead& head);
    void followRedirect(const HttpHead& head);
    void askLeader(const Url& target);
    void onFetchProgress(std::uint64_t id, const HttpProgress& progress);
    void endFetch(std::uint64_t id, const Answer& answer);
    void endStream(Failure failure, const std::string& reason);

    CurlLoop& curl_;
    HostResolver& resolver_;
    Credentials credentials_;
    HttpTls tls_;
    std::chrono::milliseconds stallTimeout_;
    MasterList masters_;
    std::map<std::uint64_t, std::unique_ptr<Fetch>> fetches_;
    std::uint64_t lastId_ = 0;
    std::unique_ptr<Stream> stream_;
};

} // namespace mmsd::marathon
