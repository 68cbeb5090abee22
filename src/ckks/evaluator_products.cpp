#include "cipherfit/base/parallel.h"
#include "cipherfit/ckks/evaluator.h"
#include "rlwe/key_switch.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace cipherfit {
namespace {

// Coefficients per pass: the operands of one pass are read three times and should stay in L2.
constexpr std::size_t multiplied_at_once = 2048;
// The kernel adds up to 1024 products with one reduction; the middle part has two a term.
constexpr std::size_t terms_per_call = 512;

}  // namespace

Ciphertext Evaluator::multiply(const Ciphertext& a, const Ciphertext& b) const {
    const std::array<Product, 1> product{Product{&a, &b}};
    return sum_of_products(product);
}

Ciphertext Evaluator::sum_of_products(std::span<const Product> products) const {
    require(!products.empty(), ErrorCode::invalid_argument, "a sum of products needs a term");
    std::size_t level = parameters().max_level();
    const double scale = products[0].a->scale() * products[0].b->scale();
    for (const Product& product : products) {
        level = std::min({level, product.a->level(), product.b->level()});
        require(product.a->size() == 2 && product.b->size() == 2, ErrorCode::invalid_argument,
                "cannot multiply ciphertexts of {} and {} parts: relinearise first",
                product.a->size(), product.b->size());
        require(same_scale(scale, product.a->scale() * product.b->scale()),
                ErrorCode::scale_mismatch,
                "cannot sum products of scales 2^{:.6f} and 2^{:.6f}: bring the factors to common "
                "scales with multiply_scalar",
                std::log2(scale), std::log2(product.a->scale() * product.b->scale()));
    }
    const Ring& ring = parameters().ring();
    const std::size_t n = ring.n();
    std::vector<RnsPoly> parts;
    parts.reserve(3);
    for (std::size_t part = 0; part < 3; ++part) {
        parts.emplace_back(n, level + 1);
    }
    const std::size_t block = std::min(multiplied_at_once, n);
    const std::size_t blocks = n / block;
    parallel_for(0, (level + 1) * blocks, [&](std::size_t task) {
        const std::size_t limb = task / blocks;
        const std::size_t offset = (task % blocks) * block;
        const Modulus& q = ring.modulus(limb);
        // NOLINTBEGIN(cppcoreguidelines-pro-type-member-init): written before they are read
        std::array<const std::uint64_t*, 2 * terms_per_call> left;
        std::array<const std::uint64_t*, 2 * terms_per_call> right;
        // NOLINTEND(cppcoreguidelines-pro-type-member-init)
        for (std::size_t first = 0; first < products.size(); first += terms_per_call) {
            const auto terms =
                products.subspan(first, std::min(terms_per_call, products.size() - first));
            // part 0: a0 b0; part 1: a0 b1 + a1 b0; part 2: a1 b1.
            for (std::size_t part = 0; part < 3; ++part) {
                std::size_t count = 0;
                for (const Product& term : terms) {
                    for (std::size_t i = (part == 2 ? 1 : 0); i <= (part == 0 ? 0U : 1U); ++i) {
                        left[count] = term.a->part(i).limb(limb) + offset;
                        right[count] = term.b->part(part - i).limb(limb) + offset;
                        ++count;
                    }
                }
                kernels().multiply_accumulate(parts[part].limb(limb) + offset, left.data(),
                                              right.data(), count, first != 0, block, q);
            }
        }
    });
    return {std::move(parts), {level, scale}};
}

}  // namespace cipherfit
