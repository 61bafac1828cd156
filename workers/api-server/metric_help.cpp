// SPDX-License-Identifier: MIT
// What # HELP says of each metric.
#include "workers/api-server/metric_families.h"

#include <algorithm>
#include <array>

namespace mmsd::api {

namespace {

struct Help {
    std::string_view name;
    std::string_view text;
};

/** Sorted by name. No line feeds or backslashes: the text stands on one line as it is. */
// clang-format off
constexpr std::array kHelp{
    Help{"apps", "Apps in the newest published state."},
    Help{"apps_dirty", "Apps that are to be fetched anew."},
    Help{"build_info", "Version of mmsd and of its internal protocol; always 1."},
    Help{"confd_files", "Files that app ports have now."},
    Help{"confd_pending_files", "Files that are still to be written."},
    Help{"confd_removals_total", "Files removed."},
    Help{"confd_write_errors_total", "Files that could not be written."},
    Help{"confd_writes_total", "Files written."},
    Help{"convergence_seconds",
         "Time from the discovery of a change to its being in force in the process's "
         "output; the first state of a process and partial successes are not counted."},
    Help{"dns_all_unhealthy_apps",
         "Apps whose instances are all unhealthy, and are answered all the same."},
    Help{"dns_apps", "Apps with a DNS name."},
    Help{"dns_contested_names", "DNS names that more than one app port claims."},
    Help{"dns_dropped_total", "Queries dropped without an answer."},
    Help{"dns_longest_update_slice_seconds",
         "Longest time that answering waited for a change of the zone."},
    Help{"dns_malformed_total", "Messages that are no DNS query."},
    Help{"dns_names", "DNS names that are answered."},
    Help{"dns_queries_total", "Queries by type."},
    Help{"dns_responses_total", "Responses by code."},
    Help{"dns_reverse_names", "Addresses with a PTR record."},
    Help{"dns_serial", "Serial of the zone."},
    Help{"dns_tcp_accepted_total", "TCP connections accepted by the DNS server."},
    Help{"dns_tcp_connections", "TCP connections of the DNS server that are open."},
    Help{"dns_tcp_evicted_total", "TCP connections closed to make room for others."},
    Help{"dns_tcp_timed_out_total", "TCP connections closed for idleness."},
    Help{"dns_truncated_total", "Answers that did not fit, sent with TC."},
    Help{"drifted_apps_total", "Apps that a full fetch found changed without an event."},
    Help{"events_malformed_total", "Events that could not be read."},
    Help{"events_total", "Events by type."},
    Help{"generation", "Newest state that the supervisor holds."},
    Help{"haproxy_app_ports", "App ports in the configuration in force."},
    Help{"haproxy_command_failures_total", "Runs of the before and after commands that failed."},
    Help{"haproxy_crashes_total", "Times that HAProxy ended by itself."},
    Help{"haproxy_draining_processes",
         "HAProxy processes of former configurations that finish their connections."},
    Help{"haproxy_own_problems", "Own listeners or files that HAProxy has to do without."},
    Help{"haproxy_refusals", "Things of apps that are not used."},
    Help{"haproxy_reload_failures_total", "Reloads that failed; the old process serves on."},
    Help{"haproxy_reload_pending", "1 while a reload waits for its time."},
    Help{"haproxy_reloads_total", "Reloads."},
    Help{"haproxy_runtime_commands_total", "Commands sent to HAProxy's runtime API."},
    Help{"haproxy_runtime_failures_total",
         "Changes at run time that failed and ended in a reload."},
    Help{"haproxy_start_seconds", "How long HAProxy's last start took."},
    Help{"haproxy_starts_total", "Starts that were no reloads."},
    Help{"haproxy_up", "1 while a HAProxy serves."},
    Help{"haproxy_validations_total", "Configurations checked by HAProxy before their use."},
    Help{"hosts", "Host names and addresses of instances that are known."},
    Help{"hosts_unresolved", "Host names without an address."},
    Help{"http_answer_octets", "Octets of answers that are kept or wait for clients."},
    Help{"http_connections", "Connections of the HTTP API that are open."},
    Help{"http_connections_evicted_total", "Connections closed to make room for newcomers."},
    Help{"http_connections_refused_total", "Connections turned away at the limit."},
    Help{"http_connections_total", "Connections accepted by the HTTP API."},
    Help{"http_event_streams", "Event streams that are open."},
    Help{"http_event_streams_dropped_total", "Event streams closed because nobody read them."},
    Help{"http_held_requests", "Requests that wait for a change."},
    Help{"http_responses_total", "Responses of the HTTP API by the class of their status."},
    Help{"instances", "Instances in the newest published state."},
    Help{"instances_serving", "Instances that get traffic."},
    Help{"last_apply_duration_seconds", "How long the process took for the last state."},
    Help{"problems", "Things of apps that the watcher could not use."},
    Help{"process_generation", "Newest state that the process has in force."},
    Help{"process_last_applied_timestamp_seconds",
         "When the process last had a state in force, in seconds since 1970."},
    Help{"process_phase", "1 for the phase that the process is in."},
    Help{"process_restarts_total", "Starts of the process after its first."},
    Help{"process_start_time_seconds", "When the process was started, in seconds since 1970."},
    Help{"ready", "1 if /readyz says ready."},
    Help{"refusals",
         "Things of apps that the process does not use, by rule; partial = the port is "
         "served all the same."},
    Help{"refusals_omitted", "Refusals beyond what a report holds."},
    Help{"refused_ports", "App ports that the process leaves out, by rule."},
    Help{"report_age_seconds", "Age of the process's last report."},
    Help{"request_errors_total", "Failed requests to Marathon by reason."},
    Help{"requests_total", "Requests to Marathon by result."},
    Help{"resyncs_total", "Full fetches asked for."},
    Help{"snapshot_bytes", "Size of the newest published state."},
    Help{"snapshot_generation", "State that the HTTP API answers from."},
    Help{"snapshots_applied_total", "States that the process has taken over."},
    Help{"snapshots_held_total", "States held back because too much would have vanished at once."},
    Help{"snapshots_rejected_total", "States that the process could not take over."},
    Help{"source_connected",
         "1 while the event stream of Marathon is open and its state is known."},
    Help{"source_last_confirmed_timestamp_seconds",
         "When Marathon last confirmed the whole state, in seconds since 1970; 0 = never."},
    Help{"state_confirmed_age_limit_seconds",
         "Age of the last confirmed state above which the node is not ready."},
    Help{"state_confirmed_age_seconds", "Time since Marathon confirmed the whole state."},
    Help{"state_held", "1 while a state waits for its confirmation because too much would vanish."},
    Help{"state_stale", "1 while the state is that of an earlier run."},
    Help{"stream_last_byte_age_seconds", "Time since the event stream's last byte."},
    Help{"stream_last_byte_timestamp_seconds",
         "When the event stream's last byte came, in seconds since 1970; 0 = never."},
    Help{"streams_opened_total", "Event streams opened."},
    Help{"udp_bytes_in_total", "Octets from clients."},
    Help{"udp_bytes_out_total", "Octets to clients."},
    Help{"udp_datagrams_dropped_total", "Datagrams dropped, by reason."},
    Help{"udp_datagrams_in_total", "Datagrams from clients."},
    Help{"udp_datagrams_out_total", "Datagrams to clients."},
    Help{"udp_instance_errors_total", "Errors that instances answered with."},
    Help{"udp_refused_ports", "UDP ports that are not served."},
    Help{"udp_service_bytes_in_total", "Octets from clients of a service."},
    Help{"udp_service_bytes_out_total", "Octets to clients of a service."},
    Help{"udp_service_datagrams_dropped_total", "Datagrams of a service dropped, by reason."},
    Help{"udp_service_datagrams_in_total", "Datagrams from clients of a service."},
    Help{"udp_service_datagrams_out_total", "Datagrams to clients of a service."},
    Help{"udp_service_instance_errors_total", "Errors that a service's instances answered with."},
    Help{"udp_service_sessions", "Sessions of a service."},
    Help{"udp_service_sessions_evicted_total",
         "Sessions of a service that were ended to make room."},
    Help{"udp_services", "UDP ports that are served."},
    Help{"udp_services_untold", "UDP services whose own counters do not fit in a report."},
    Help{"udp_session_capacity", "Sessions that there is room for."},
    Help{"udp_sessions", "Sessions of all services."},
    Help{"udp_sessions_evicted_total", "Sessions that were ended to make room."},
};
// clang-format on
static_assert(std::ranges::is_sorted(kHelp, {}, &Help::name));

} // namespace

std::string_view metricHelp(std::string_view name) noexcept {
    const auto* const found = std::ranges::lower_bound(kHelp, name, {}, &Help::name);
    return found != kHelp.end() && found->name == name ? found->text : "Reported by the process.";
}

} // namespace mmsd::api
