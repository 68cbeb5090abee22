#include "protocol/ciphertext_sections.h"

#include "cipherfit/io/bytes.h"
#include "parties/packing.h"
#include "protocol/section_tags.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

namespace cipherfit {
namespace {

constexpr std::size_t message_header = 16;  // level, parts, scale

// Level, parts and scale of a message: at exactly that level, if one is given.
MessageInfo read_info(ByteReader& in, const Parameters& parameters,
                      std::optional<std::size_t> level, std::uint32_t parts) {
    const std::uint32_t at = in.u32();
    const std::uint32_t count = in.u32();
    const double scale = in.f64();
    require(in.ok() && at == level.value_or(at) && at <= parameters.max_level() && count == parts &&
                std::isfinite(scale) && scale > 0,
            ErrorCode::corrupt_data, "a ciphertext's header is not of {} parts at level {}", parts,
            level ? std::to_string(*level) : fmt::format("{} or below", parameters.max_level()));
    return {at, scale};
}

ByteWriter info_header(const MessageInfo& info, std::uint32_t parts) {
    ByteWriter header;
    header.u32(static_cast<std::uint32_t>(info.level));
    header.u32(parts);
    header.f64(info.scale);
    return header;
}

}  // namespace

Ciphertext read_seeded_section(ContainerReader& reader, const Parameters& parameters,
                               std::uint32_t index, std::size_t level) {
    const Ring& ring = parameters.ring();
    const std::size_t bytes = packed_poly_bytes(ring, level + 1, level);
    ByteReader in(
        value_or_throw(reader.section(tag_seeded, index, message_header + sizeof(Seed) + bytes)));
    SeededCiphertext seeded;
    seeded.info = read_info(in, parameters, level, 1);
    require(in.remaining() == sizeof(Seed) + bytes, ErrorCode::corrupt_data,
            "ciphertext {} has {} bytes, its level says {}", index, in.remaining(),
            sizeof(Seed) + bytes);
    std::ranges::copy(in.bytes(sizeof(Seed)), seeded.seed.begin());
    seeded.c0 = unpack_poly(ring, level + 1, level, in.bytes(bytes));
    return expand(seeded, parameters);
}

void write_seeded_section(ContainerWriter& writer, const Parameters& parameters,
                          std::uint32_t index, const SeededCiphertext& ciphertext) {
    ByteWriter header = info_header(ciphertext.info, 1);
    header.bytes(ciphertext.seed);
    std::vector<std::uint8_t> payload = header.take();
    pack_poly(parameters.ring(), ciphertext.c0, ciphertext.info.level, payload);
    value_or_throw(writer.section(tag_seeded, index, payload));
}

Ciphertext read_ciphertext_section(ContainerReader& reader, const Parameters& parameters,
                                   std::uint32_t index, std::optional<std::size_t> level) {
    const Ring& ring = parameters.ring();
    const std::size_t highest = level.value_or(parameters.max_level());
    ByteReader in(value_or_throw(
        reader.section(tag_ciphertext, index,
                       message_header + 2 * packed_poly_bytes(ring, highest + 1, highest))));
    const MessageInfo info = read_info(in, parameters, level, 2);
    const std::size_t bytes = packed_poly_bytes(ring, info.level + 1, info.level);
    require(in.remaining() == 2 * bytes, ErrorCode::corrupt_data,
            "ciphertext {} has {} bytes, its level says {}", index, in.remaining(), 2 * bytes);
    std::vector<RnsPoly> parts;
    parts.reserve(2);
    for (int part = 0; part < 2; ++part) {
        parts.push_back(unpack_poly(ring, info.level + 1, info.level, in.bytes(bytes)));
    }
    return {std::move(parts), info};
}

void write_ciphertext_section(ContainerWriter& writer, const Parameters& parameters,
                              std::uint32_t index, const Ciphertext& ciphertext) {
    std::vector<std::uint8_t> payload = info_header(ciphertext.info(), 2).take();
    for (std::size_t part = 0; part < 2; ++part) {
        pack_poly(parameters.ring(), ciphertext.part(part), ciphertext.level(), payload);
    }
    value_or_throw(writer.section(tag_ciphertext, index, payload));
}

EvaluationKeys read_key_sections(ContainerReader& reader, const Parameters& parameters,
                                 const KeyRequest& request,
                                 const std::function<void()>& after_each) {
    const Ring& ring = parameters.ring();
    EvaluationKeys keys(parameters);
    std::uint32_t index = 0;
    for (const auto& [id, level] : request.levels()) {
        const std::size_t highest = id.is_encapsulation() ? level : parameters.max_level();
        const KeyShape largest = key_shape(parameters, id, highest);
        const std::size_t most =
            8 + sizeof(Seed) + largest.digits * packed_poly_bytes(ring, largest.limbs(), highest);
        ByteReader in(value_or_throw(reader.section(tag_key, index, most)));
        SeededSwitchingKey key{.id = {in.u32()}, .level = in.u32(), .seed = {}, .b = {}};
        require(in.ok() && key.id == id && key.level >= level && key.level <= highest,
                ErrorCode::corrupt_data, "key {} is not the one that the plan asks for", index + 1);
        const KeyShape shape = key_shape(parameters, id, key.level);
        const std::size_t bytes = packed_poly_bytes(ring, shape.limbs(), key.level);
        require(in.remaining() == sizeof(Seed) + shape.digits * bytes, ErrorCode::corrupt_data,
                "key {} is not the one that the plan asks for", index + 1);
        std::ranges::copy(in.bytes(sizeof(Seed)), key.seed.begin());
        for (std::size_t digit = 0; digit < shape.digits; ++digit) {
            key.b.push_back(unpack_poly(ring, shape.limbs(), key.level, in.bytes(bytes)));
        }
        keys.insert(expand(std::move(key), parameters));
        ++index;
        if (after_each) {
            after_each();
        }
    }
    return keys;
}

void write_key_section(ContainerWriter& writer, const Parameters& parameters, std::uint32_t index,
                       const SeededSwitchingKey& key) {
    ByteWriter header;
    header.u32(key.id.rotation);
    header.u32(static_cast<std::uint32_t>(key.level));
    header.bytes(key.seed);
    std::vector<std::uint8_t> payload = header.take();
    for (const RnsPoly& b : key.b) {
        pack_poly(parameters.ring(), b, key.level, payload);
    }
    value_or_throw(writer.section(tag_key, index, payload));
}

}  // namespace cipherfit
