#include "cipherfit/linalg/odd_polynomial.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

// z times the mask (times `factor`), rescaled to exactly `scale`.
Handle masked(Operations& operations, const Handle& z, std::span<const double> mask, double factor,
              double scale) {
    std::vector<double> values(mask.begin(), mask.end());
    std::transform(values.begin(), values.end(), values.begin(),
                   [factor](double value) { return value * factor; });
    const double plain_scale = scale * operations.rescale_divisor(z.level()) / z.scale();
    return operations.rescale(
        operations.multiply_mask(z, operations.encode(values, z.level(), plain_scale)));
}

Handle square(Operations& operations, const Handle& x) {
    return operations.relinearize_rescale(operations.multiply(x, x));
}

double sign(double x) noexcept {
    return x < 0 ? -1.0 : 1.0;
}

// |high| y + sign(high) low: the factor goes into the scale, no level.
Handle affine(Operations& operations, const Handle& y, double high, double low) {
    return operations.add_scalar(operations.reinterpret(operations.copy(y), std::abs(high)),
                                 sign(high) * low);
}

// labels - x at x's scale and level, x not yet rescaled: the factor between the scales is large, so
// that rounding it to an integer loses nothing.
Handle labels_minus(Operations& operations, const Handle& labels, const Handle& x) {
    return operations.subtract(operations.multiply_scalar(labels, 1.0, x.scale(), x.level()), x);
}

}  // namespace

std::size_t odd_polynomial_depth(int degree) {
    constexpr std::array<std::size_t, 4> depth{1, 2, 3, 3};
    require(degree >= 1 && degree <= 7 && degree % 2 == 1, ErrorCode::invalid_argument,
            "the sigmoid's degree must be 1, 3, 5 or 7, got {}", degree);
    return depth[static_cast<std::size_t>(degree / 2)];
}

std::size_t odd_polynomial_relinearizations(int degree) {
    constexpr std::array<std::size_t, 4> count{0, 2, 3, 5};
    static_cast<void>(odd_polynomial_depth(degree));
    return count[static_cast<std::size_t>(degree / 2)];
}

Handle labels_minus_odd_polynomial(Operations& operations, const Handle& labels, const Handle& z,
                                   std::span<const double> odd, std::span<const double> mask,
                                   double target) {
    const int degree = 2 * static_cast<int>(odd.size()) - 1;
    const std::size_t depth = odd_polynomial_depth(degree);
    require(odd.back() != 0, ErrorCode::invalid_argument,
            "the leading coefficient of degree {} is 0: use a lower degree", degree);
    require(z.level() >= depth, ErrorCode::level_exhausted,
            "a sigmoid of degree {} needs {} levels, {} are left", degree, depth, z.level());
    const std::size_t level = z.level();
    const double lead = odd.back();
    // What the last rescaling divides by.
    const double last = operations.rescale_divisor(level - depth + 1);

    if (degree == 1) {
        std::vector<double> values(mask.begin(), mask.end());
        std::transform(values.begin(), values.end(), values.begin(),
                       [lead](double value) { return value * lead; });
        const Handle product = operations.multiply_mask(
            z, operations.encode(values, level, target * last / z.scale()));
        return operations.rescale(labels_minus(operations, labels, product));
    }

    const Handle y = square(operations, z);
    if (degree == 3 || degree == 5) {
        // sum = m z w, w = (...) with the sign of the leading coefficient moved into the mask.
        Handle w;
        if (degree == 3) {
            w = affine(operations, y, lead, odd[0]);
        } else {
            Handle fourth = operations.reinterpret(operations.multiply(y, y), std::abs(lead));
            fourth = operations.add(
                fourth,
                operations.multiply_scalar(y, sign(lead) * odd[1], fourth.scale(), fourth.level()));
            w = operations.relinearize_rescale(operations.add_scalar(fourth, sign(lead) * odd[0]));
        }
        const Handle zm = masked(operations, z, mask, sign(lead), target * last / w.scale());
        return operations.relinearize_rescale(
            labels_minus(operations, labels, operations.multiply(zm, w)));
    }

    // Degree 7: m z (c1 + c3 y) + m z (c5 + c7 y) y^2.
    const Handle fourth = square(operations, y);
    const Handle high = affine(operations, y, lead, odd[2]);
    require(odd[1] != 0, ErrorCode::invalid_argument, "the cubic coefficient must not be 0");
    const Handle low = affine(operations, y, odd[1], odd[0]);
    const double middle = operations.rescale_divisor(level - 1);
    const Handle zm = masked(operations, z, mask, sign(lead),
                             target * last * middle / (fourth.scale() * high.scale()));
    const Handle zm_high = operations.relinearize_rescale(operations.multiply(zm, high));
    const Handle zm_low = operations.relinearize_rescale(operations.multiply(zm, low));
    Handle sum = operations.multiply(zm_high, fourth);
    sum = operations.add(sum, operations.multiply_scalar(zm_low, sign(lead) * sign(odd[1]),
                                                         sum.scale(), sum.level()));
    return operations.relinearize_rescale(labels_minus(operations, labels, sum));
}

}  // namespace cipherfit
