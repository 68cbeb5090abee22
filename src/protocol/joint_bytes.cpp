#include "protocol/joint_bytes.h"

#include "cipherfit/ckks/evaluator.h"
#include "protocol/packing.h"
#include "rlwe/ring.h"

#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {

void write_poly(ByteWriter& out, const Parameters& parameters, const RnsPoly& poly) {
    std::vector<std::uint8_t> bytes;
    pack_poly(parameters.ring(), poly, poly.limbs() - 1, bytes);
    out.bytes(bytes);
}

RnsPoly read_poly(ByteReader& in, const Parameters& parameters, std::size_t level) {
    const auto bytes = in.bytes(packed_poly_bytes(parameters.ring(), level + 1, level));
    if (!in.ok()) {
        return {};
    }
    try {
        return unpack_poly(parameters.ring(), level + 1, level, bytes);
    } catch (const Error& error) {
        in.fail(error.what());
        return {};
    }
}

void write_uploaded(ByteWriter& out, const Parameters& parameters, const Ciphertext& ciphertext) {
    for (std::size_t part = 0; part < 2; ++part) {
        write_poly(out, parameters, ciphertext.part(part));
    }
}

Sequences<Ciphertext> read_uploaded(ByteReader& in, const CharterPlan& plan) {
    const Parameters& parameters = plan.parameters();
    Sequences<Ciphertext> result;
    for (const SequenceShape& shape : plan.training().messages()) {
        for (std::size_t i = 0; i < shape.count; ++i) {
            std::vector<RnsPoly> parts;
            for (int part = 0; part < 2; ++part) {
                parts.push_back(read_poly(in, parameters, shape.level));
            }
            if (!in.ok()) {
                return result;
            }
            result[shape.name].emplace_back(
                std::move(parts), MessageInfo{.level = shape.level, .scale = shape.scale});
        }
    }
    return result;
}

Ciphertext add_ciphertexts(const Parameters& parameters, const Ciphertext& a, const Ciphertext& b) {
    require(a.level() == b.level() && same_scale(a.scale(), b.scale()), ErrorCode::level_mismatch,
            "ciphertexts of levels {} and {} are added", a.level(), b.level());
    const Ring& ring = parameters.ring();
    std::vector<RnsPoly> parts;
    for (std::size_t part = 0; part < 2; ++part) {
        RnsPoly sum = a.part(part).copy();
        for (std::size_t limb = 0; limb < sum.limbs(); ++limb) {
            const std::uint64_t q = ring.modulus(limb).value;
            std::uint64_t* values = sum.limb(limb);
            const std::uint64_t* other = b.part(part).limb(limb);
            for (std::size_t i = 0; i < sum.n(); ++i) {
                const std::uint64_t x = values[i] + other[i];
                values[i] = x >= q ? x - q : x;
            }
        }
        parts.push_back(std::move(sum));
    }
    return {std::move(parts), a.info()};
}

RnsPoly first_limbs(const Parameters& /*parameters*/, const RnsPoly& poly, std::size_t level) {
    return poly.copy(level + 1);
}

}  // namespace cipherfit
