#include "cipherfit/parties/owner/secret_bytes.h"

#include "parties/packing.h"

#include <utility>

namespace cipherfit {

std::vector<std::uint8_t> to_bytes(const Parameters& parameters, const ReleasePoint& point) {
    ByteWriter out;
    out.u32(point.point());
    out.u32(static_cast<std::uint32_t>(point.level()));
    write_poly(out, parameters.ring(), point.values(), point.level());
    return out.take();
}

std::vector<std::uint8_t> to_bytes(const Parameters& parameters, const ReleaseShare& share) {
    ByteWriter out;
    out.u32(share.point);
    out.bytes(share.request);
    for (std::size_t limb = 0; limb < share.residues.size(); ++limb) {
        write_residues(out, share.residues[limb], parameters.ring().modulus(limb));
    }
    return out.take();
}

Expected<ReleasePoint> release_point_from_bytes(const Parameters& parameters, unsigned point,
                                                std::size_t level,
                                                std::span<const std::uint8_t> bytes) {
    ByteReader in(bytes);
    const std::uint32_t of = in.u32();
    const std::uint32_t at = in.u32();
    if (in.ok() && (of != point || at != level)) {
        in.fail(
            fmt::format("it is the point of holder {} at level {}, not of holder {} at level {}",
                        of, at, point, level));
    }
    if (point < 1 || point > most_holders || level > parameters.max_level()) {
        in.fail("no holder has such a point");
    }
    RnsPoly values;
    if (in.ok()) {
        values = read_poly(in, parameters.ring(), level + 1, level);
    }
    if (auto done = in.finish("the point"); !done) {
        values.wipe();
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return ReleasePoint(parameters, point, level, std::move(values));
}

Expected<ReleaseShare> release_share_from_bytes(const Parameters& parameters,
                                                const ReleaseRequest& request,
                                                std::span<const std::uint8_t> bytes) {
    ByteReader in(bytes);
    ReleaseShare share;
    share.point = in.u32();
    const auto digest = in.bytes(share.request.size());
    if (in.ok()) {
        std::ranges::copy(digest, share.request.begin());
        if (share.request != request.digest(parameters)) {
            in.fail("it belongs to another release");
        } else if (!request.holders.contains(share.point)) {
            in.fail(fmt::format("holder {} is not asked", share.point));
        }
    }
    for (std::size_t limb = 0; limb <= request.level && in.ok(); ++limb) {
        share.residues.emplace_back(request.coefficients(parameters));
        read_residues(in, share.residues.back(), parameters.ring().modulus(limb));
    }
    if (auto done = in.finish("the release share"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return share;
}

}  // namespace cipherfit
