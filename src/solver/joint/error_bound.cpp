#include "cipherfit/solver/joint/error_bound.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cipherfit {
namespace {

constexpr double error_deviation = 3.2;
// ln of 2^64, and of the number of events that the tails are summed over (a thousand terms and each
// slot of a ring of 2^17, for t secrets and the keys' errors).
constexpr double tail = 64 * 0.6931471805599453 + 24;

double square(double value) {
    return value * value;
}

// A linear map of noise polynomials (several, of N coefficients each) in the slots' basis. w_j is
// the squared norm of what a unit in slot j of one of them becomes.
struct NoiseMap {
    double sum = 0;      // twice the sum of all w_j: the squared Frobenius norm over coefficients
    double largest = 0;  // the largest w_j
    double norm2 = 0;    // the squared operator norm, at least `largest`
};

class NoiseTail {
  public:
    NoiseTail(double n, unsigned dealers) : n_(n), secret_(2.0 * dealers / 3) {}

    double secret() const { return secret_; }
    // A bound of |s(zeta)|^2 over all slots, for coefficients of that variance.
    double spectrum(double variance) const {
        return variance * n_ * (1 + std::sqrt(2 * tail) + tail);
    }
    // |M n| for n = r_0 + r_1 s, the r's sums of `count` independent roundings and s of that
    // variance: with A = M (I, s), |A r|^2 <= tr + 2 sqrt(tr op x) + 2 op x.
    double norm(const NoiseMap& map, double count, double variance) const {
        const double of_secret =
            variance * n_ *
            (map.sum + 2 * std::sqrt(map.largest * map.sum * tail) + 2 * map.largest * tail);
        const double trace = count / 12 * (map.sum + of_secret);
        const double largest = count / 12 * map.norm2 * (1 + spectrum(variance));
        return std::sqrt(trace + 2 * std::sqrt(trace * largest * tail) + 2 * largest * tail);
    }
    // The identity times a factor.
    NoiseMap scaled(double factor) const {
        return {n_ * square(factor), square(factor), square(factor)};
    }

  private:
    double n_;
    double secret_;
};

// sum over the digits of (Q_d / P)^power.
double digits_share(const JointErrorShape& shape, double power) {
    double log_p = 0;
    for (const double prime : shape.p) {
        log_p += std::log2(prime);
    }
    double sum = 0;
    for (std::size_t first = 0; first < shape.q.size(); first += shape.digit_size) {
        double log_digit = 0;
        for (std::size_t i = first; i < std::min(first + shape.digit_size, shape.q.size()); ++i) {
            log_digit += std::log2(shape.q[i]);
        }
        sum += std::exp2(power * (log_digit - log_p));
    }
    return sum;
}

}  // namespace

JointErrorBound joint_error_bound(const JointErrorShape& shape) {
    const JointLayout& layout = shape.layout;
    const std::size_t iterations = shape.steps.size();
    require(shape.state_scales.size() == iterations && !shape.q.empty() && !shape.p.empty(),
            ErrorCode::invalid_argument, "an error bound needs a scale for each iteration");
    const JointGains gains = joint_gains(shape.steps);
    const auto n = 2 * static_cast<double>(layout.slots());
    const auto rows = static_cast<double>(layout.rows());
    const auto copies = static_cast<double>(layout.copies());
    const auto places = static_cast<double>(layout.places());
    const auto contributors = static_cast<double>(shape.contributors);
    const NoiseTail noise(n, shape.dealers);
    // The division by p_0 leaves what was before it: below 2^-20 of a rounding.
    const double encryptions = contributors * (1 + 0x1p-20);
    // A key switch adds digits times the key's errors / P to its rounding, as one secret more.
    const double key_variance = shape.dealers * square(error_deviation);
    const double switched = noise.secret() + key_variance * digits_share(shape, 2);

    // |V_t|_F of one copy, from labels of 1/2; and what an error of G does over all iterations.
    const double labels = 0.5 * std::sqrt(static_cast<double>(layout.classes()));
    double states = 0;
    double products = 0;
    for (std::size_t t = 1; t < iterations; ++t) {
        states += gains.product[t] * gains.model[t - 1] * labels;
        products += gains.product[t];
    }

    JointErrorBound bound;
    const double scale = shape.state_scales.back();
    {
        const double each = 4 * copies / places * square(states);
        bound.gram =
            noise.norm({rows * each, each, each}, encryptions, noise.secret()) / shape.upload_scale;
    }
    const std::vector<std::size_t> switches = layout.stage_switches();
    for (std::size_t stage = 1; stage <= switches.size(); ++stage) {
        const double half = std::exp2(-static_cast<double>(stage));
        const double each = 8 * half / places * copies * square(states);
        const NoiseMap map{16 * square(half) * rows * copies * square(states), each,
                           std::max(each, 8 * square(half) * square(states))};
        bound.unpacking += noise.norm(map, 1, switched) / shape.upload_scale;
    }
    const std::size_t ahead = std::min(layout.babies(), layout.rows());
    const double families = 2 + static_cast<double>(layout.chained(ahead)) +
                            static_cast<double>(layout.chained(layout.giants()));
    const auto turns = static_cast<double>(ahead + layout.giants());
    // Any error of a product, before the two rescalings, coefficient by coefficient.
    const double root = std::sqrt(n) / 2;
    const double secret = std::sqrt(noise.spectrum(noise.secret()));
    const double fresh = std::sqrt(noise.spectrum(key_variance));
    const double of_product =
        root * (1 + secret + digits_share(shape, 1) * (2 * secret * fresh + 2 * fresh));
    for (std::size_t t = 1; t < iterations; ++t) {
        const double gain = gains.product[t];
        const double before = shape.state_scales[t - 1];
        const NoiseMap map{n * square(gain) * families, square(gain), square(gain) * rows * turns};
        bound.turns += noise.norm(map, 1, switched) / before;
        bound.turns += gain * 2 * turns * of_product / (before * shape.gram_scale);
        // The first of the two primes that are rescaled by leaves its rounding / the second.
        const double second = shape.q[shape.q.size() - 2 * t];
        bound.rounding += noise.norm(noise.scaled(gains.state[t]), 1, noise.secret()) *
                          (1 + 1 / second) / shape.state_scales[t];
    }
    bound.moments =
        noise.norm(noise.scaled(gains.moments), encryptions, noise.secret()) / shape.moments_scale;
    {
        // Transforms with mantissas of 64 bits: (log2 + 1) stages, each below 8 units of 2^-64 of
        // the norm.
        const double relative = 8 * (std::log2(n) + 1) * 0x1p-64;
        const auto padded = static_cast<double>(layout.padded_rows());
        const double gram = std::sqrt(rows) * (relative + contributors * padded / std::sqrt(2.0) /
                                                              shape.upload_scale);
        bound.encoding = std::sqrt(2 / n) * 2 * std::sqrt(copies) * gram * states;
        bound.encoding +=
            gains.moments * (std::sqrt(2 / n) * std::sqrt(copies) * labels * relative +
                             contributors * root / shape.moments_scale);
    }
    for (double* part : {&bound.gram, &bound.unpacking, &bound.turns, &bound.rounding,
                         &bound.moments, &bound.encoding}) {
        *part *= scale;
        bound.total += *part;
    }
    // Errors of G that meet errors of the states and of their rotations.
    const double nodes =
        static_cast<double>(std::accumulate(switches.begin(), switches.end(), std::size_t{0}));
    const double of_gram =
        std::sqrt(n / 2) * root * (1 + secret + digits_share(shape, 1) * fresh) /
        shape.upload_scale *
        (static_cast<double>(layout.gram_ciphertexts()) * contributors * (1 + 0x1p-20) + nodes);
    const double meeting = of_gram * (2 * std::sqrt(rows) * products + turns);
    require(meeting < 0.5, ErrorCode::invalid_argument,
            "a scale of 2^{:.1f} is too small for sums of {} columns: use larger primes",
            std::log2(shape.upload_scale), layout.rows());
    bound.total /= 1 - meeting;
    return bound;
}

}  // namespace cipherfit
