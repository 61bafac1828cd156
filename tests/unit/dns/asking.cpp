// SPDX-License-Identifier: MIT
// Queries and parsed replies, for the tests of the DNS server.
#include "tests/unit/dns/asking.h"

#include "workers/dns-server/ldns.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace mmsd::dns::test {

namespace {

void append16(std::vector<std::uint8_t>& to, unsigned value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}

std::string takeText(char* text) {
    const std::string copy = text == nullptr ? "" : text;
    std::free(text);
    return copy;
}

std::vector<std::string> toTexts(const ldns_rr_list* list, std::vector<std::uint32_t>& ttls) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; list != nullptr && i < ldns_rr_list_rr_count(list); ++i) {
        const ldns_rr* rr = ldns_rr_list_rr(list, i);
        std::string text = takeText(ldns_rdf2str(ldns_rr_owner(rr)));
        text += " " + takeText(ldns_rr_type2str(ldns_rr_get_type(rr)));
        for (std::size_t f = 0; f < ldns_rr_rd_count(rr); ++f)
            text += " " + takeText(ldns_rdf2str(ldns_rr_rdf(rr, f)));
        texts.push_back(std::move(text));
        ttls.push_back(ldns_rr_ttl(rr));
    }
    return texts;
}

} // namespace

std::vector<std::uint8_t> makeQuery(const std::string& name, std::uint16_t type, const Ask& ask) {
    std::vector<std::uint8_t> query;
    for (const unsigned word : {0x1234u, unsigned{ask.flags}, 1u, 0u, 0u, ask.hasEdns ? 1u : 0u})
        append16(query, word);
    std::size_t start = 0;
    while (start < name.size() && name != ".") {
        const std::size_t end = std::min(name.find('.', start), name.size());
        query.push_back(static_cast<std::uint8_t>(end - start));
        query.insert(query.end(), name.begin() + static_cast<std::ptrdiff_t>(start),
                     name.begin() + static_cast<std::ptrdiff_t>(end));
        start = end + 1;
    }
    query.push_back(0);
    append16(query, type);
    append16(query, ask.qclass);
    if (ask.hasEdns) {
        query.push_back(0);
        append16(query, kTypeOpt);
        append16(query, ask.udpSize);
        append16(query, ask.ednsVersion);
        append16(query, ask.isDnssecOk ? kEdnsFlagDnssecOk : 0);
        append16(query, 0);
    }
    return query;
}

ParsedReply parseReply(const std::vector<std::uint8_t>& message) {
    ldns_pkt* raw = nullptr;
    const ldns_status status = ldns_wire2pkt(&raw, message.data(), message.size());
    const LdnsPacket packet{raw};
    if (status != LDNS_STATUS_OK)
        throw std::runtime_error{std::string{"ldns: "} + ldns_get_errorstr_by_id(status)};
    ParsedReply reply;
    reply.size = message.size();
    reply.id = ldns_pkt_id(raw);
    reply.flags = getU16(&message[2]);
    reply.rcode = static_cast<unsigned>(ldns_pkt_get_rcode(raw)) |
                  static_cast<unsigned>(ldns_pkt_edns_extended_rcode(raw)) << 4;
    reply.hasEdns = ldns_pkt_edns(raw);
    reply.udpSize = ldns_pkt_edns_udp_size(raw);
    reply.isDnssecOk = ldns_pkt_edns_do(raw);
    if (const ldns_rr_list* question = ldns_pkt_question(raw);
        question != nullptr && ldns_rr_list_rr_count(question) == 1)
        reply.question = takeText(ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(question, 0))));
    reply.answer = toTexts(ldns_pkt_answer(raw), reply.ttls);
    reply.authority = toTexts(ldns_pkt_authority(raw), reply.ttls);
    reply.additional = toTexts(ldns_pkt_additional(raw), reply.ttls);
    return reply;
}

std::vector<std::uint8_t> respond(Responder& responder, const std::vector<std::uint8_t>& query,
                                  Transport transport) {
    std::vector<std::uint8_t> reply(transport == Transport::Udp ? kMaxUdpReply : kMaxMessageSize);
    reply.resize(responder.respond(query, transport, reply));
    return reply;
}

std::vector<std::string> Server::answers(const std::string& name, std::uint16_t type) {
    std::vector<std::string> found = ask(name, type).answer;
    std::sort(found.begin(), found.end());
    return found;
}

} // namespace mmsd::dns::test
