// SPDX-License-Identifier: MIT
// What the settings say about all outputs: the API explains them without producing them.
#include "workers/api-server/view_options.h"

#include "workers/runtime/port_rules.h"

#include <sys/utsname.h>

namespace mmsd::api {

ViewOptions makeViewOptions(const protocol::Settings& settings) {
    ViewOptions options;
    options.hasTcp = settings.flag("enable-tcp");
    options.hasUdp = settings.flag("enable-udp");
    options.hasFiles = settings.flag("enable-files");
    options.hasDns = settings.flag("enable-dns");
    // The gateway is HAProxy's.
    options.hasGateway = options.hasTcp && settings.flag("enable-gateway");
    options.tcpRules = worker::makePortRules(worker::Transport::Tcp, settings);
    options.udpRules = worker::makePortRules(worker::Transport::Udp, settings);
    options.bindIp = settings.address("bind-ip");
    const IpAddress gateway = settings.address("gateway-bind");
    options.gatewayHttp = {gateway, settings.port("gateway-port-http")};
    options.gatewayHttps = {gateway, settings.port("gateway-port-https")};
    options.filesFolder = settings.text("run-state-dir") + "/confd";
    options.dnsBase = settings.text("dns-basename");
    if (options.dnsBase.ends_with('.'))
        options.dnsBase.pop_back();
    options.resyncInterval = settings.duration("resync-interval");
    utsname system{};
    if (::uname(&system) == 0)
        options.hostName = system.nodename;
    return options;
}

} // namespace mmsd::api
