// SPDX-License-Identifier: MIT
// The one place that includes ldns, whose header redefines bool unless <stdbool.h> came first.
#pragma once

#include <stdbool.h>

#include <ldns/ldns.h>

#include <memory>

namespace mmsd::dns {

struct LdnsDeleter {
    void operator()(ldns_buffer* buffer) const noexcept { ldns_buffer_free(buffer); }
    void operator()(ldns_pkt* packet) const noexcept { ldns_pkt_free(packet); }
    void operator()(ldns_rdf* rdf) const noexcept { ldns_rdf_deep_free(rdf); }
    void operator()(ldns_rr* rr) const noexcept { ldns_rr_free(rr); }
};
using LdnsBuffer = std::unique_ptr<ldns_buffer, LdnsDeleter>;
using LdnsPacket = std::unique_ptr<ldns_pkt, LdnsDeleter>;
using LdnsRdf = std::unique_ptr<ldns_rdf, LdnsDeleter>;
using LdnsRr = std::unique_ptr<ldns_rr, LdnsDeleter>;

} // namespace mmsd::dns
