#include "cipherfit/io/bytes.h"
#include "cipherfit/io/container.h"
#include "io/container_layout.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

using namespace container_layout;

namespace {

// Read and hashed in pieces that stay in the cache between the two.
constexpr std::size_t piece_bytes = std::size_t{1} << 18U;

template <std::size_t size>
void take(ByteReader& in, std::array<std::uint8_t, size>& out) {
    std::ranges::copy(in.bytes(size), out.begin());
}

Expected<ContainerKind> check_kind(const std::string& file, std::uint32_t number,
                                   std::optional<ContainerKind> expected) {
    const auto kind = static_cast<ContainerKind>(number);
    if (name(kind) == "unknown") {
        return make_error(ErrorCode::corrupt_data, "{}: holds the unknown kind {}", file, number);
    }
    if (expected && kind != *expected) {
        return make_error(ErrorCode::bad_input,
                          "{}: holds {} where {} is expected; give the right file", file,
                          name(kind), name(*expected));
    }
    return kind;
}

}  // namespace

ContainerReader::~ContainerReader() {
    if (kind_ == ContainerKind::secret_key) {
        secure_wipe(buffer_.data(), buffer_.size());
    }
}

tl::unexpected<ErrorInfo> ContainerReader::fail(ErrorInfo error) {
    failure_ = std::move(error);
    return tl::unexpected<ErrorInfo>(*failure_);
}

Expected<ContainerReader> ContainerReader::open(const std::filesystem::path& path,
                                                std::optional<ContainerKind> expected) {
    auto source = FileSource::open(path);
    if (!source) {
        return tl::unexpected<ErrorInfo>(source.error());
    }
    return open(std::move(*source), expected);
}

Expected<ContainerReader> ContainerReader::open(std::unique_ptr<ByteSource> source,
                                                std::optional<ContainerKind> expected) {
    ContainerReader reader(std::move(source));
    if (auto done = reader.read_header(expected); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return reader;
}

Expected<void> ContainerReader::read_header(std::optional<ContainerKind> expected) {
    std::array<std::uint8_t, header_bytes> bytes{};
    const auto available = static_cast<std::size_t>(std::min<std::uint64_t>(size(), header_bytes));
    if (auto done = source_->read_at(0, std::span(bytes).first(available)); !done) {
        return done;
    }
    if (!std::ranges::equal(std::span(bytes).first(magic.size()), magic)) {
        return make_error(ErrorCode::corrupt_data,
                          "{}: not a cipherfit container, or damaged in its first bytes", name());
    }
    // The version decides how the rest is read, so that it comes before size and digest.
    const auto version = load_le<std::uint32_t>(bytes.data() + magic.size());
    if (version != container_version) {
        return make_error(ErrorCode::unsupported_version,
                          "{}: has format version {}; this program reads version {}: use the "
                          "program that wrote it, or make the file anew",
                          name(), version, container_version);
    }
    if (size() < header_bytes + end_bytes) {
        return make_error(ErrorCode::corrupt_data,
                          "{}: cut off after {} bytes, within the header; copy the file again",
                          name(), size());
    }
    const auto fields = std::span<const std::uint8_t>(bytes).first(header_fields_bytes);
    const Digest digest = sha256(fields);
    if (!std::ranges::equal(digest, std::span(bytes).last(digest_bytes))) {
        return make_error(ErrorCode::corrupt_data,
                          "{}: the header does not match its digest; copy the file again", name());
    }
    ByteReader in(fields);
    in.bytes(magic.size() + 4);
    const std::uint32_t kind_number = in.u32();
    take(in, identity_.parameters);
    take(in, identity_.key);
    take(in, identity_.plan);
    take(in, identity_.nonce);
    identity_.flags = in.u32();
    auto kind = check_kind(name(), kind_number, expected);
    if (!kind) {
        return tl::unexpected<ErrorInfo>(kind.error());
    }
    if ((identity_.flags & ~flag_insecure_parameters) != 0) {
        return make_error(ErrorCode::unsupported_version,
                          "{}: has the flags {:#x}, of which this program knows {:#x} alone",
                          name(), identity_.flags, flag_insecure_parameters);
    }
    kind_ = *kind;
    chain_.update(digest);
    position_ = header_bytes;
    return {};
}

Expected<void> ContainerReader::expect(const ContainerIdentity& expected,
                                       std::initializer_list<IdentityPart> parts) const {
    return check_identity(name(), identity_, expected, parts);
}

Expected<SectionHeader> ContainerReader::read_section_header() {
    if (failure_) {
        return tl::unexpected<ErrorInfo>(*failure_);
    }
    if (peeked_) {
        return *peeked_;
    }
    // An end section must always remain, so that there are bytes for this header.
    SectionHeaderBytes bytes{};
    if (size() - position_ < end_bytes) {
        return fail({ErrorCode::corrupt_data,
                     fmt::format("{}: cut off at byte {}; copy the file again", name(), size())});
    }
    if (auto done = source_->read_at(position_, bytes); !done) {
        return fail(done.error());
    }
    const SectionHeader header = decode(bytes);
    const std::uint64_t room = size() - position_ - section_header_bytes - digest_bytes;
    if (header.tag == end_tag) {
        if (header.index != 0 || header.length != end_payload_bytes || room != end_payload_bytes) {
            return fail({ErrorCode::corrupt_data,
                         fmt::format("{}: the end section is damaged or more bytes follow it; copy "
                                     "the file again",
                                     name())});
        }
    } else if (room < end_bytes || header.length > room - end_bytes) {
        return fail({ErrorCode::corrupt_data,
                     fmt::format("{}: section {} announces {} bytes where the file has {} left; "
                                 "copy the file again",
                                 name(), describe(header.tag, header.index), header.length,
                                 room < end_bytes ? 0 : room - end_bytes)});
    }
    peeked_ = header;
    return header;
}

Expected<std::optional<SectionHeader>> ContainerReader::peek() {
    auto header = read_section_header();
    if (!header) {
        return tl::unexpected<ErrorInfo>(header.error());
    }
    return header->tag == end_tag ? std::optional<SectionHeader>{} : *header;
}

Expected<std::span<const std::uint8_t>> ContainerReader::section(std::uint32_t tag,
                                                                 std::uint32_t index,
                                                                 std::uint64_t max_length) {
    auto header = read_section_header();
    if (!header) {
        return tl::unexpected<ErrorInfo>(header.error());
    }
    if (header->tag != tag || header->index != index) {
        return fail(
            {ErrorCode::corrupt_data,
             fmt::format("{}: section {} at byte {} where {} is expected", name(),
                         describe(header->tag, header->index), position_, describe(tag, index))});
    }
    if (header->length > max_length) {
        return fail({ErrorCode::corrupt_data,
                     fmt::format("{}: section {} has {} bytes where at most {} make sense", name(),
                                 describe(tag, index), header->length, max_length)});
    }
    if (auto done = read_payload(*header); !done) {
        return fail(done.error());
    }
    return std::span<const std::uint8_t>(buffer_).first(static_cast<std::size_t>(header->length));
}

Expected<void> ContainerReader::read_payload(const SectionHeader& header) {
    const auto length = static_cast<std::size_t>(header.length);
    if (buffer_.size() < length) {
        secure_wipe(buffer_.data(), buffer_.size());
        std::vector<std::uint8_t>().swap(buffer_);  // the old memory goes before the new comes
        buffer_.resize(length);
    }
    Sha256 hash;
    hash.update(encode(header));
    const std::uint64_t start = position_ + section_header_bytes;
    for (std::size_t done = 0; done < length;) {
        const auto piece = std::span(buffer_).subspan(done, std::min(piece_bytes, length - done));
        if (auto read = source_->read_at(start + done, piece); !read) {
            return read;
        }
        hash.update(piece);
        done += piece.size();
    }
    Digest stored{};
    if (auto read = source_->read_at(start + length, stored); !read) {
        return read;
    }
    if (hash.finish() != stored) {
        return make_error(
            ErrorCode::corrupt_data,
            "{}: section {} at byte {} does not match its digest; copy the file again", name(),
            describe(header.tag, header.index), position_);
    }
    chain_.update(stored);
    position_ = start + length + digest_bytes;
    ++sections_;
    peeked_.reset();
    return {};
}

Expected<void> ContainerReader::verify_end() {
    if (ended_) {
        return {};
    }
    auto header = read_section_header();
    if (!header) {
        return tl::unexpected<ErrorInfo>(header.error());
    }
    if (header->tag != end_tag) {
        return fail({ErrorCode::corrupt_data,
                     fmt::format("{}: section {} at byte {} where the end is expected", name(),
                                 describe(header->tag, header->index), position_)});
    }
    if (auto done = check_end(); !done) {
        return fail(done.error());
    }
    ended_ = true;
    return {};
}

Expected<void> ContainerReader::check_end() {
    std::array<std::uint8_t, end_bytes> bytes{};
    if (auto read = source_->read_at(position_, bytes); !read) {
        return read;
    }
    const auto covered = std::span<const std::uint8_t>(bytes).first(end_bytes - digest_bytes);
    const auto count = load_le<std::uint64_t>(bytes.data() + section_header_bytes);
    if (count != sections_) {
        return make_error(ErrorCode::corrupt_data,
                          "{}: has {} sections where its end announces {}; copy the file again",
                          name(), sections_, count);
    }
    chain_.update(covered);
    if (!std::ranges::equal(chain_.finish(), std::span(bytes).last(digest_bytes))) {
        return make_error(
            ErrorCode::corrupt_data,
            "{}: the sections do not match the digest at the end; copy the file again", name());
    }
    position_ += end_bytes;
    return {};
}

}  // namespace cipherfit
