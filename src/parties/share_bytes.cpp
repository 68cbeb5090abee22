#include "cipherfit/parties/share_bytes.h"

#include "parties/packing.h"

#include <optional>

namespace cipherfit {
namespace {

constexpr std::uint64_t most_shares = 4096;
constexpr std::uint64_t share_header_bytes = 9;

// The shape, or nothing where no key has it.
std::optional<ShareShape> shape_of(const Parameters& parameters, const KeyShare& share) {
    try {
        return share_shape(parameters, share.kind, share.id, share.level);
    } catch (const Error&) {
        return {};
    }
}

KeyShare read_share(ByteReader& in, const Parameters& parameters) {
    const Ring& ring = parameters.ring();
    KeyShare share;
    const std::uint8_t kind = in.u8();
    share.kind = static_cast<ShareKind>(kind);
    share.id.rotation = in.u32();
    share.level = in.u32();
    const bool known =
        kind >= 1 && kind <= static_cast<std::uint8_t>(ShareKind::relinearization_two);
    const auto shape = known ? shape_of(parameters, share) : std::nullopt;
    if (!shape) {
        in.fail(fmt::format("no share has kind {}, key {} and level {}", kind, share.id.rotation,
                            share.level));
        return share;
    }
    if (in.remaining() < shape->polys * packed_poly_bytes(ring, shape->limbs(), share.level)) {
        in.fail("a share is cut short");
        return share;
    }
    for (std::size_t i = 0; i < shape->polys; ++i) {
        share.polys.push_back(read_poly(in, ring, shape->limbs(), share.level));
    }
    return share;
}

}  // namespace

std::vector<std::uint8_t> to_bytes(const Parameters& parameters, std::span<const KeyShare> shares) {
    const Ring& ring = parameters.ring();
    ByteWriter out;
    out.u64(shares.size());
    for (const KeyShare& share : shares) {
        out.u8(static_cast<std::uint8_t>(share.kind));
        out.u32(share.id.rotation);
        out.u32(static_cast<std::uint32_t>(share.level));
        for (const RnsPoly& poly : share.polys) {
            write_poly(out, ring, poly, share.level);
        }
    }
    return out.take();
}

Expected<std::vector<KeyShare>> key_shares_from_bytes(const Parameters& parameters,
                                                      std::span<const std::uint8_t> bytes,
                                                      std::size_t most) {
    ByteReader in(bytes);
    const std::uint64_t count = in.count(most_shares, share_header_bytes);
    std::vector<KeyShare> shares;
    for (std::uint64_t i = 0; i < count && i < most && in.ok(); ++i) {
        shares.push_back(read_share(in, parameters));
    }
    if (count > most && in.ok()) {
        static_cast<void>(in.bytes(in.remaining()));
    }
    if (auto done = in.finish("the key shares"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return shares;
}

}  // namespace cipherfit
