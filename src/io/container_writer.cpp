#include "cipherfit/io/bytes.h"
#include "cipherfit/io/container.h"
#include "io/container_layout.h"

#include <algorithm>
#include <utility>

namespace cipherfit {

using namespace container_layout;

namespace {

// Hashed and written in one go while a piece is in the cache.
constexpr std::size_t written_at_once = std::size_t{1} << 20U;

}  // namespace

Expected<ContainerWriter> ContainerWriter::create(const std::filesystem::path& path,
                                                  ContainerKind kind,
                                                  const ContainerIdentity& identity,
                                                  AtomicFileOptions options) {
    auto file = AtomicFile::create(path, options);
    if (!file) {
        return tl::unexpected<ErrorInfo>(file.error());
    }
    return create(std::make_unique<AtomicFile>(std::move(*file)), kind, identity);
}

Expected<ContainerWriter> ContainerWriter::create(std::unique_ptr<ByteSink> sink,
                                                  ContainerKind kind,
                                                  const ContainerIdentity& identity) {
    require((identity.flags & ~flag_insecure_parameters) == 0, ErrorCode::invalid_argument,
            "container flags {:#x} contain an unknown bit; use the flag_ constants",
            identity.flags);
    ContainerWriter writer(std::move(sink));
    if (auto done = writer.write_header(kind, identity); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return writer;
}

Expected<void> ContainerWriter::write_header(ContainerKind kind,
                                             const ContainerIdentity& identity) {
    ByteWriter fields;
    fields.bytes(magic);
    fields.u32(container_version);
    fields.u32(static_cast<std::uint32_t>(kind));
    fields.bytes(identity.parameters);
    fields.bytes(identity.key);
    fields.bytes(identity.plan);
    fields.bytes(identity.nonce);
    fields.u32(identity.flags);
    const Digest digest = sha256(fields.view());
    chain_.update(digest);
    fields.bytes(digest);
    return sink_->write(fields.view());
}

Expected<void> ContainerWriter::section(std::uint32_t tag, std::uint32_t index,
                                        std::span<const std::uint8_t> payload) {
    if (auto done = begin_section(tag, index, payload.size()); !done || payload.empty()) {
        return done;
    }
    return append(payload);
}

Expected<void> ContainerWriter::begin_section(std::uint32_t tag, std::uint32_t index,
                                              std::uint64_t length) {
    require(!open_ && !committed_ && tag != end_tag, ErrorCode::invalid_argument,
            "{}: section {} cannot begin here; end the open section first, commit last, and leave "
            "the tag 'END ' alone",
            sink_->name(), describe(tag, index));
    const SectionHeaderBytes header = encode({tag, index, length});
    section_hash_.update(header);
    missing_ = length;
    open_ = true;
    ++sections_;
    if (auto done = sink_->write(header); !done) {
        return done;
    }
    return length == 0 ? end_section() : Expected<void>{};
}

Expected<void> ContainerWriter::append(std::span<const std::uint8_t> bytes) {
    require(open_ && bytes.size() <= missing_, ErrorCode::invalid_argument,
            "{}: {} bytes appended to a section that lacks {}; announce the exact length",
            sink_->name(), bytes.size(), missing_);
    missing_ -= bytes.size();
    while (!bytes.empty()) {
        const auto piece = bytes.first(std::min(bytes.size(), written_at_once));
        section_hash_.update(piece);
        if (auto done = sink_->write(piece); !done) {
            return done;
        }
        bytes = bytes.subspan(piece.size());
    }
    return missing_ == 0 ? end_section() : Expected<void>{};
}

Expected<void> ContainerWriter::end_section() {
    open_ = false;
    const Digest digest = section_hash_.finish();
    chain_.update(digest);
    return sink_->write(digest);
}

Expected<void> ContainerWriter::commit() {
    require(!open_ && !committed_, ErrorCode::invalid_argument, "{}: commit() {}", sink_->name(),
            open_ ? fmt::format("while a section lacks {} bytes; append them first", missing_)
                  : std::string("a second time; create another ContainerWriter"));
    committed_ = true;
    ByteWriter end;
    end.bytes(encode({end_tag, 0, end_payload_bytes}));
    end.u64(sections_);
    chain_.update(end.view());
    end.bytes(chain_.finish());
    if (auto done = sink_->write(end.view()); !done) {
        return done;
    }
    return sink_->commit();
}

}  // namespace cipherfit
