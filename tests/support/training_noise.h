// Upper bounds, derived, of the noise in the steps of encrypted training, on the foundations of
// noise.h. All are variances in the units of the quantity.
#pragma once

#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/linalg/matrix_products.h"
#include "cipherfit/linalg/odd_polynomial.h"
#include "support/noise.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace cipherfit::test {

inline double squared(double x) {
    return x * x;
}

// labels - mask z (c_1 + c_3 z^2 + ...), |z| <= z_max at scale z_scale and level l, result at scale
// `target`. Writing y = z^2, f = z^4 and KSR for key switching with rescaling, each rounded
// intermediate adds its own variance times the square of the result's derivative by it:
//   z itself                  z_variance, derivative s'(z)
//   y                         KSR / s_y^2,                    s_y = z_scale^2 / q_l
//   m z = mask o z            (rescaling / s_mz^2 + z^2 encoding / plain scale^2), derivative w
// and then, w being the polynomial divided by z, of scale s_w:
//   degree 3   w is y's scale divided by |c_3|: no operation
//   degree 5   w = c_5 y^2 + ..., KSR / s_w^2, derivative z
//   degree 7   f: KSR / s_f^2, derivative z (c_5 + c_7 y); m z (c_5 + c_7 y): KSR, derivative f;
//              m z (c_1 + c_3 y): KSR, derivative 1
// and the result: KSR / target^2 and the labels' own variance.
inline double odd_polynomial_variance(const Parameters& ring, std::size_t level,
                                      const std::vector<double>& odd, double z_scale, double z_max,
                                      double z_variance, double labels_variance, double target) {
    const RingNoise noise(ring);
    const int degree = 2 * static_cast<int>(odd.size()) - 1;
    const auto q = [&](std::size_t below) { return static_cast<double>(ring.q(level - below)); };
    const double switching = noise.key_switching_rescaling(level);
    const double lead = std::abs(odd.back());
    double slope = 0;  // of the whole and of what remains divided by z, and of w by y
    double w = 0;
    double w_slope = 0;
    for (std::size_t k = 0; k < odd.size(); ++k) {
        const double power = std::pow(z_max, 2.0 * static_cast<double>(k));
        slope += std::abs(odd[k]) * (2.0 * static_cast<double>(k) + 1) * power;
        w += std::abs(odd[k]) * power;
        if (k > 0) {
            w_slope += std::abs(odd[k]) * static_cast<double>(k) * power / squared(z_max);
        }
    }
    double variance = squared(slope) * z_variance + labels_variance + switching / squared(target);
    if (degree == 1) {
        const double plain = target * q(0) / z_scale;
        return variance + squared(z_max) * noise.encoding() / squared(plain);
    }
    const double s_y = z_scale * z_scale / q(0);
    variance += squared(z_max * w_slope) * switching / squared(s_y);
    double s_mz = 0;
    if (degree == 3) {
        s_mz = target * q(1) / (s_y / lead);
    } else if (degree == 5) {
        const double s_w = s_y * s_y / lead / q(1);
        variance += squared(z_max) * switching / squared(s_w);
        s_mz = target * q(2) / s_w;
    } else {
        const double s_f = s_y * s_y / q(1);
        const double s_high = s_y / lead;
        const double s_low = s_y / std::abs(odd[1]);
        s_mz = target * q(2) * q(1) / (s_f * s_high);
        const double high = std::abs(odd[2]) + lead * squared(z_max);
        variance += squared(z_max * high) * switching / squared(s_f);
        variance += std::pow(z_max, 8) * switching / squared(s_mz * s_high / q(1));
        variance += switching / squared(s_mz * s_low / q(1));
    }
    const double plain = s_mz * q(0) / z_scale;
    return variance + squared(w) * (noise.rescaling() / squared(s_mz) +
                                    squared(z_max) * noise.encoding() / squared(plain));
}

// One of the two matrix products, an entry summing over `terms` slots (all columns of all feature
// blocks, or all rows of all sample blocks: padding holds zeros, but their noise counts): features
// of scale x_scale and variance x_variance with a key switch for each of `babies`, operands of
// scale u_scale and variance u_variance with two key switches (outer and inner rotation). Giants:
// a relinearisation and a rotation of the sum each, at the product's scale.
inline double product_variance(const Parameters& ring, std::size_t level, double terms,
                               std::size_t babies, std::size_t giants, double x_max, double x_scale,
                               double x_variance, double u_max, double u_scale, double u_variance) {
    const double switching = RingNoise(ring).key_switching(level);
    const double x = x_variance + static_cast<double>(babies) *
                                      RingNoise(ring).key_switching(ring.max_level()) /
                                      squared(x_scale);
    const double u = u_variance + 2 * switching / squared(u_scale);
    return terms * (squared(u_max) * x + squared(x_max) * u + x * u) +
           2 * static_cast<double>(giants) * switching / squared(x_scale * u_scale);
}

// A rotate-and-sum that joins `count` slots, each with that variance before: every slot's noise
// counts once, and step k's key switch is doubled by the steps behind it, count in all.
inline double fold_variance(const Parameters& ring, std::size_t level, double count, double scale,
                            double variance) {
    return count * (variance + RingNoise(ring).key_switching(level) / squared(scale));
}

}  // namespace cipherfit::test
