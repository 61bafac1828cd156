// SPDX-License-Identifier: MIT
// MessageEncoder: records in, the octets of a reply's sections out, with ldns.
#include "workers/dns-server/message_encoder.h"

#include "workers/dns-server/dns_wire.h"
#include "workers/dns-server/ldns.h"

#include <array>
#include <new>
#include <stdexcept>

namespace mmsd::dns {

namespace {

/** Octets that the buffer starts with; it grows as needed. */
constexpr std::size_t kInitialBuffer = 65'536;
/** Points to the question. */
constexpr std::uint16_t kQuestionPointer = kPointerBits << 8 | kHeaderSize;

template <typename T> T* orThrow(T* made) {
    if (made == nullptr)
        throw std::bad_alloc{};
    return made;
}

void check(ldns_status status) {
    if (status != LDNS_STATUS_OK)
        throw std::runtime_error{std::string{"ldns: "} + ldns_get_errorstr_by_id(status)};
}

LdnsRdf makeField(ldns_rdf_type type, const void* data, std::size_t size) {
    return LdnsRdf{orThrow(ldns_rdf_new_frm_data(type, size, data))};
}

/** True if @p name is @p parent or below it; @p prefix becomes what comes before it. */
bool isBelow(std::string_view name, std::string_view parent, std::string_view& prefix) noexcept {
    if (parent.empty() || !name.ends_with(parent))
        return false;
    const std::size_t start = name.size() - parent.size();
    std::size_t label = 0;
    while (label < start)
        label += 1u + static_cast<std::uint8_t>(name[label]);
    prefix = name.substr(0, start);
    return label == start;
}

} // namespace

struct MessageEncoder::Buffer {
    LdnsBuffer octets{orThrow(ldns_buffer_new(kInitialBuffer))};

    [[nodiscard]] std::size_t size() const noexcept { return ldns_buffer_position(octets.get()); }
    void reserve(std::size_t more) {
        if (!ldns_buffer_reserve(octets.get(), more))
            throw std::bad_alloc{};
    }
    void addNumber16(std::uint16_t value) {
        reserve(sizeof value);
        ldns_buffer_write_u16(octets.get(), value);
    }
    void addNumber32(std::uint32_t value) {
        reserve(sizeof value);
        ldns_buffer_write_u32(octets.get(), value);
    }
    void add(const LdnsRdf& field) { check(ldns_rdf2buffer_wire(octets.get(), field.get())); }
    void addWholeName(std::string_view name) {
        std::array<std::uint8_t, kMaxNameSize> wire;
        if (name.size() + 1 > wire.size())
            throw std::runtime_error{"DNS name is too long"};
        name.copy(reinterpret_cast<char*>(wire.data()), name.size());
        wire[name.size()] = 0;
        add(makeField(LDNS_RDF_TYPE_DNAME, wire.data(), name.size() + 1));
    }
    void addName(std::string_view name, std::string_view question) {
        std::string_view prefix;
        if (!isBelow(name, question, prefix))
            return addWholeName(name);
        reserve(prefix.size());
        ldns_buffer_write(octets.get(), prefix.data(), prefix.size());
        addNumber16(kQuestionPointer);
    }
};

/** Writes owner and fixed part; the size of what is added until it ends is the data's length. */
class MessageEncoder::Record {
public:
    Record(MessageEncoder& encoder, Section section, std::string_view owner, std::uint16_t type)
        : encoder_{encoder}, buffer_{*encoder.buffer_}, section_{section}, start_{buffer_.size()} {
        buffer_.addName(owner, encoder.question_);
        buffer_.addNumber16(type);
        buffer_.addNumber16(kClassIn);
        buffer_.addNumber32(encoder.ttl_);
        buffer_.addNumber16(0);
        dataStart_ = buffer_.size();
    }

    void finish() {
        const std::size_t end = buffer_.size();
        ldns_buffer_write_u16_at(buffer_.octets.get(), dataStart_ - 2,
                                 static_cast<std::uint16_t>(end - dataStart_));
        Sections& sections = encoder_.sections_;
        if (section_ == Section::Additional) {
            ++sections.additionalCount;
            return;
        }
        const auto size = static_cast<std::uint16_t>(end - start_);
        const bool isAlike = sections.answerCount == 0 || sections.recordSize == size;
        sections.recordSize = isAlike ? size : std::uint16_t{0};
        ++sections.answerCount;
        sections.answerSize = end;
    }

private:
    MessageEncoder& encoder_;
    Buffer& buffer_;
    Section section_;
    std::size_t start_;
    std::size_t dataStart_ = 0;
};

MessageEncoder::MessageEncoder(std::uint32_t ttl)
    : ttl_{ttl}, buffer_{std::make_unique<Buffer>()} {}

MessageEncoder::~MessageEncoder() = default;

void MessageEncoder::begin(std::string_view name) {
    question_ = name;
    sections_ = {};
    ldns_buffer_clear(buffer_->octets.get());
}

void MessageEncoder::addAddress(Section section, std::string_view owner, const IpAddress& address) {
    Record record{*this, section, owner, address.isV6() ? kTypeAaaa : kTypeA};
    buffer_->add(makeField(address.isV6() ? LDNS_RDF_TYPE_AAAA : LDNS_RDF_TYPE_A, address.data(),
                           address.size()));
    record.finish();
}

void MessageEncoder::addService(Section section, std::string_view owner, std::uint16_t port,
                                std::string_view target) {
    Record record{*this, section, owner, kTypeSrv};
    buffer_->addNumber16(1);
    buffer_->addNumber16(1);
    buffer_->addNumber16(port);
    buffer_->addWholeName(target);
    record.finish();
}

void MessageEncoder::addText(std::string_view owner, std::span<const std::string> strings) {
    Record record{*this, Section::Answer, owner, kTypeTxt};
    for (const std::string& string : strings) {
        const std::string field = static_cast<char>(string.size()) + string;
        buffer_->add(makeField(LDNS_RDF_TYPE_STR, field.data(), field.size()));
    }
    record.finish();
}

void MessageEncoder::addName(std::string_view owner, std::uint16_t type, std::string_view target) {
    Record record{*this, Section::Answer, owner, type};
    buffer_->addName(target, question_);
    record.finish();
}

void MessageEncoder::addSoa(std::string_view owner, const SoaData& soa) {
    Record record{*this, Section::Answer, owner, kTypeSoa};
    buffer_->addName(soa.primary, question_);
    buffer_->addName(soa.responsible, question_);
    for (const std::uint32_t number : {soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum})
        buffer_->addNumber32(number);
    record.finish();
}

const MessageEncoder::Sections& MessageEncoder::finish() {
    sections_.wire = {ldns_buffer_begin(buffer_->octets.get()), buffer_->size()};
    return sections_;
}

} // namespace mmsd::dns
