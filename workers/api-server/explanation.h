// SPDX-License-Identifier: MIT
// Why an app is where it is, and why it is not elsewhere. Pure.
#pragma once

#include "workers/api-server/api_state.h"
#include "workers/api-server/view_options.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mmsd::api {

/** How an app port stands with one output. */
enum class Exposure : std::uint8_t {
    Exposed, ///< there, and an instance is behind it
    Empty,   ///< there, but no instance serves
    Pending, ///< not known to be there: its process has not come so far
    LeftOut, ///< not there, by a rule
    Off,     ///< the output is switched off
};
[[nodiscard]] std::string_view toString(Exposure exposure) noexcept;

/** One thing that an app port becomes: a service port, a gateway name, a file, DNS names. */
struct Output {
    std::string_view kind; ///< "tcp", "udp", "gateway_http", "gateway_tls", "file", "dns"
    Exposure exposure = Exposure::Exposed;
    std::string rule{};                ///< which rule decided; "" where nothing stands in the way
    std::string reason{};              ///< the same for people
    std::vector<std::string> places{}; ///< "0.0.0.0:80", "www.example.org", a path, DNS names
    /** What it is called elsewhere: frontend, backend, map, key, app_protocol, … */
    std::vector<std::pair<std::string_view, std::string>> details{};

    [[nodiscard]] bool isThere() const noexcept { return exposure <= Exposure::Empty; }
};

/** Something of the app that is not used, or was refused, and who says so. */
struct Note {
    std::string_view process;
    std::string_view rule;
    std::string_view text;
};

struct PortView {
    std::uint16_t index = 0;
    const protocol::Port* port = nullptr;
    std::size_t serving = 0; ///< instances that serve and are reachable at this port index
    std::vector<Output> outputs{};
    std::vector<Note> notes{};
};

struct InstanceView {
    const protocol::Instance* instance = nullptr;
    std::string reason{};  ///< why it serves or does not
    std::string dnsName{}; ///< "" without DNS
};

/** Borrows from the ApiState that it was made of. */
struct AppView {
    const protocol::App* app = nullptr;
    std::size_t serving = 0;
    std::vector<PortView> ports{};
    std::vector<InstanceView> instances{};
    std::vector<Note> notes{}; ///< about the app as a whole
};

/** Explains apps of one state; indexes what was refused once. Borrows both. */
class Explainer {
public:
    Explainer(const ApiState& state, const ViewOptions& options);

    [[nodiscard]] AppView explain(const protocol::App& app) const;
    /** What processes refused of an id, whether it is in the state or not. */
    [[nodiscard]] std::vector<Note> notesOn(std::string_view appId) const;

private:
    struct Refused {
        std::string_view process;
        const protocol::Refusal* refusal;
    };
    void addTcp(const protocol::App& app, PortView& view) const;
    void addUdp(const protocol::App& app, PortView& view) const;
    void addGateway(const protocol::App& app, AppView& view) const;
    void addFile(const protocol::App& app, PortView& view) const;
    void addDns(const protocol::App& app, PortView& view) const;
    void addNotes(const protocol::App& app, AppView& view) const;
    void applyPortRules(const protocol::App& app, const PortView& view,
                        const worker::PortRules& rules, Output& output) const;
    /** Left out by a refusal of @p process, or pending, or empty; else as it is. */
    void judge(std::string_view process, const protocol::App& app, const PortView& view,
               Output& output) const;
    [[nodiscard]] const std::vector<Refused>& refusedOf(std::string_view appId) const;
    /** Why it is not known that @p process has the state; "" if it has. */
    [[nodiscard]] std::string whyPending(std::string_view process) const;

    const ApiState& state_;
    const ViewOptions& options_;
    std::size_t dnsBaseSize_;
    std::unordered_map<std::string_view, std::vector<Refused>> refused_;
};

/** Ids of the snapshot that somebody may have meant: the same last part, the same beginning, other
 *  case, or a typing error. At most @p limit, best first. */
[[nodiscard]] std::vector<std::string_view> nearNames(const protocol::Snapshot& snapshot,
                                                      std::string_view appId, std::size_t limit);

} // namespace mmsd::api
