// SPDX-License-Identifier: MIT
// Tests of IpAddress and InetEndpoint.
#include "common/inet_address.h"
#include "tests/support/catch.h"

#include <sys/un.h>

#include <cstring>

using mmsd::InetEndpoint;
using mmsd::IpAddress;

namespace {

IpAddress ip(std::string_view text) {
    return IpAddress::parse(text).value();
}

const sockaddr* plain(const sockaddr_storage& storage) {
    return reinterpret_cast<const sockaddr*>(&storage);
}

} // namespace

TEST_CASE("ip address: parses and prints numeric addresses", "[common][inet]") {
    for (const char* const text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1",
                                   "2001:db8::1", "fe80::1", "::ffff:10.0.0.1"}) {
        CHECK(ip(text).toString() == text);
    }
    CHECK(ip("2001:0DB8:0:0:0:0:0:1").toString() == "2001:db8::1");
    CHECK(ip("2001:db8:0:1:0:0:0:1").toString() == "2001:db8:0:1::1");
    CHECK(ip("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255").isV6());
    CHECK(IpAddress{}.toString() == "0.0.0.0");
}

TEST_CASE("ip address: rejects anything else", "[common][inet]") {
    for (const char* const text : {"",
                                   "1",
                                   "10.0.0",
                                   "10.0.0.256",
                                   "10.0.0.1.2",
                                   "010.0.0.1",
                                   "0x0a.0.0.1",
                                   " 10.0.0.1",
                                   "10.0.0.1 ",
                                   "10.0.0.1:80",
                                   "10.0.0.1/8",
                                   "localhost",
                                   ":",
                                   ":::",
                                   "1::2::3",
                                   "[::1]",
                                   "fe80::1%eth0",
                                   "12345::",
                                   "::g",
                                   "1:2:3:4:5:6:7:8:9",
                                   "::1 ",
                                   "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555"}) {
        INFO("text: '" << text << "'");
        CHECK_FALSE(IpAddress::parse(text));
    }
    CHECK_FALSE(IpAddress::parse(std::string_view{"10.0.0.1\0", 9}));
    CHECK_FALSE(IpAddress::parse(std::string_view{"10.0.0.1\0evil", 13}));
    CHECK_FALSE(IpAddress::parse(std::string(1000, '1')));
}

TEST_CASE("ip address: parses a part of a larger text", "[common][inet]") {
    const std::string_view text = "10.0.0.12";
    CHECK(ip(text.substr(0, 8)).toString() == "10.0.0.1");
}

TEST_CASE("ip address: orders IPv4 first, then by octets", "[common][inet]") {
    CHECK(ip("9.0.0.0") < ip("10.0.0.0"));
    CHECK(ip("255.255.255.255") < ip("::"));
    CHECK(ip("::1") < ip("::2"));
    CHECK(ip("1::") > ip("::ffff"));
    CHECK(ip("10.0.0.1") == ip("10.0.0.1"));
    CHECK(ip("0.0.0.0") != ip("::"));
    CHECK(ip("10.0.0.1") != ip("::ffff:10.0.0.1"));
}

TEST_CASE("ip address: exposes octets in network order", "[common][inet]") {
    const IpAddress v4 = ip("10.1.2.3");
    REQUIRE(v4.size() == 4);
    CHECK(v4.data()[0] == 10);
    CHECK(v4.data()[3] == 3);
    CHECK(ip("::1").size() == 16);
    CHECK(ip("::1").data()[15] == 1);
    const in_addr loopback{htonl(INADDR_LOOPBACK)};
    CHECK(IpAddress{loopback} == ip("127.0.0.1"));
    CHECK(IpAddress{in6addr_loopback} == ip("::1"));
}

TEST_CASE("inet endpoint: survives the way through a sockaddr", "[common][inet]") {
    for (const InetEndpoint& endpoint :
         {InetEndpoint{ip("10.0.0.1"), 80}, InetEndpoint{ip("::1"), 65535}, InetEndpoint{}}) {
        sockaddr_storage storage;
        std::memset(&storage, 0xFF, sizeof(storage));
        const socklen_t length = endpoint.toSockaddr(storage);
        CHECK(length == (endpoint.address.isV6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)));
        CHECK(InetEndpoint::fromSockaddr(plain(storage), length) == endpoint);
        CHECK(InetEndpoint::fromSockaddr(plain(storage), sizeof(storage)) == endpoint);
        CHECK_FALSE(InetEndpoint::fromSockaddr(plain(storage), length - 1));
    }
}

TEST_CASE("inet endpoint: leaves no rubbish in scope and flow fields", "[common][inet]") {
    sockaddr_storage storage;
    std::memset(&storage, 0xFF, sizeof(storage));
    (void)InetEndpoint{ip("fe80::1"), 53}.toSockaddr(storage);
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof(v6));
    CHECK(v6.sin6_family == AF_INET6);
    CHECK(v6.sin6_port == htons(53));
    CHECK(v6.sin6_scope_id == 0);
    CHECK(v6.sin6_flowinfo == 0);
}

TEST_CASE("inet endpoint: is nothing for other families and short addresses", "[common][inet]") {
    sockaddr_storage storage{};
    storage.ss_family = AF_UNIX;
    CHECK_FALSE(InetEndpoint::fromSockaddr(plain(storage), sizeof(sockaddr_un)));
    CHECK_FALSE(InetEndpoint::fromSockaddr(nullptr, 0));
    CHECK_FALSE(InetEndpoint::fromSockaddr(nullptr, sizeof(sockaddr_in)));
    CHECK_FALSE(InetEndpoint::fromSockaddr(plain(storage), 0));
    CHECK_FALSE(InetEndpoint::fromSockaddr(plain(storage), 1));
}

TEST_CASE("inet endpoint: prints brackets around IPv6 only", "[common][inet]") {
    CHECK(InetEndpoint{ip("10.0.0.1"), 80}.toString() == "10.0.0.1:80");
    CHECK(InetEndpoint{ip("::1"), 80}.toString() == "[::1]:80");
    CHECK(mmsd::formatHostPort("host.example", 8080) == "host.example:8080");
    CHECK(mmsd::formatHostPort("2001:db8::1", 0) == "[2001:db8::1]:0");
    CHECK(mmsd::formatHostPort("", 65535) == ":65535");
}

TEST_CASE("inet endpoint: orders by address, then port", "[common][inet]") {
    CHECK(InetEndpoint{ip("10.0.0.1"), 90} < InetEndpoint{ip("10.0.0.2"), 80});
    CHECK(InetEndpoint{ip("10.0.0.1"), 80} < InetEndpoint{ip("10.0.0.1"), 90});
}
