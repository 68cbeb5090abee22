#include "ckks/bootstrap/encoded_matrix.h"

#include "cipherfit/base/error.h"
#include "cipherfit/base/parallel.h"
#include "ckks/bootstrap/raised_ciphertext.h"
#include "math/special_fft.h"
#include "rlwe/ring.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <complex>
#include <limits>
#include <numeric>
#include <set>
#include <span>
#include <utility>

namespace cipherfit {
namespace {

using Complex = std::complex<double>;

// Coefficients per pass: all babies of a block, both parts, stay in the second-level cache.
constexpr std::size_t block_size = 2048;
// A giant step is a key switch of its own; a baby step shares decomposition and division.
constexpr std::size_t giant_weight = 2;
constexpr std::size_t most_babies = 64;

// Coefficients, times the scale, of the polynomial whose slots repeat `values` over the ring: only
// every `repeat`-th is not zero, and those are returned.
std::vector<double> sparse_coefficients(std::span<const Complex> values, double scale) {
    const SpecialFft& fft =
        SpecialFft::shared(static_cast<unsigned>(std::countr_zero(values.size())) + 1);
    std::vector<Complex> work(values.begin(), values.end());
    fft.to_coefficients(work);
    std::vector<double> coefficients(2 * work.size());
    for (std::size_t k = 0; k < work.size(); ++k) {
        coefficients[k] = work[k].real() * scale;
        coefficients[k + work.size()] = work[k].imag() * scale;
    }
    return coefficients;
}

// The smallest power of two, at least 2, with which the values repeat.
std::size_t period_of(std::span<const Complex> values) {
    std::size_t period = values.size();
    while (period > 2 && std::equal(values.begin(), values.begin() + std::ptrdiff_t(period / 2),
                                    values.begin() + std::ptrdiff_t(period / 2),
                                    values.begin() + std::ptrdiff_t(period))) {
        period /= 2;
    }
    return period;
}

// The polynomial of X^repeat with these coefficients, modulo Q_level P. Its values are the same in
// runs of `repeat`, of which one is kept.
RnsPoly encode_sparse(const Ring& ring, std::span<const double> coefficients, std::size_t level) {
    const std::size_t repeat = ring.n() / coefficients.size();
    const std::size_t limbs = level + 1 + ring.p_count();
    RnsPoly result(coefficients.size(), limbs);
    parallel_for(0, limbs, [&](std::size_t limb) {
        const std::size_t prime = ring.prime_of_limb(limb, level);
        RnsPoly work(ring.n(), 1, true);
        for (std::size_t k = 0; k < coefficients.size(); ++k) {
            work.limb(0)[k * repeat] = reduce_double(coefficients[k], ring.modulus(prime));
        }
        ring.forward(work.limb(0), prime);
        for (std::size_t k = 0; k < coefficients.size(); ++k) {
            result.limb(limb)[k] = work.limb(0)[k * repeat];
        }
    });
    return result;
}

}  // namespace

BabyGiantSteps split_offsets(const DiagonalMatrix& matrix) {
    const auto size = static_cast<std::int64_t>(matrix.size);
    std::vector<std::int64_t> natural;
    std::vector<std::int64_t> centred;
    std::int64_t stride = 0;
    for (const auto& [offset, diagonal] : matrix.diagonals) {
        const auto k = static_cast<std::int64_t>(offset);
        natural.push_back(k);
        centred.push_back(2 * k > size ? k - size : k);
        stride = std::gcd(stride, k);
    }
    stride = std::max<std::int64_t>(stride, 1);
    const auto floor_to = [](std::int64_t k, std::int64_t step) {
        return k - ((k % step) + step) % step;
    };
    // Offsets on both sides of 0 are near each other when centred, those all around are not.
    const std::vector<std::int64_t>* best_offsets = &natural;
    std::int64_t best_step = stride;
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (const auto* offsets : {&natural, &centred}) {
        for (std::int64_t babies = 1; babies <= std::int64_t{most_babies} / 2; babies *= 2) {
            const std::int64_t step = babies * stride;
            std::set<std::int64_t> small;
            std::set<std::int64_t> large;
            for (const std::int64_t k : *offsets) {
                large.insert(floor_to(k, step));
                small.insert(k - floor_to(k, step));
            }
            // Horner's rule goes through all steps between 0 and the outermost ones.
            const std::int64_t walked = std::max<std::int64_t>(*large.rbegin(), 0) -
                                        std::min<std::int64_t>(*large.begin(), 0);
            const std::size_t cost =
                small.size() + giant_weight * static_cast<std::size_t>(walked / step);
            if (cost < least) {
                least = cost;
                best_step = step;
                best_offsets = offsets;
            }
        }
    }
    BabyGiantSteps result;
    result.stride = best_step;
    for (const std::int64_t k : *best_offsets) {
        const std::int64_t giant = floor_to(k, best_step);
        result.steps[static_cast<std::size_t>((k + size) % size)] = {
            static_cast<std::size_t>(k - giant), giant / best_step};
    }
    return result;
}

KeyRequest matrix_keys(const DiagonalMatrix& matrix, const Parameters& parameters,
                       std::size_t level) {
    KeyRequest request;
    const std::size_t slots = parameters.slots();
    const BabyGiantSteps split = split_offsets(matrix);
    for (const auto& [offset, step] : split.steps) {
        if (step.baby != 0) {
            request.rotation(static_cast<std::int64_t>(step.baby), slots, level);
        }
        if (step.giant != 0) {
            request.rotation(step.giant > 0 ? split.stride : -split.stride, slots, level);
        }
    }
    return request;
}

MatrixShape shape_of(const DiagonalMatrix& matrix) {
    const BabyGiantSteps split = split_offsets(matrix);
    MatrixShape shape;
    shape.stride = split.stride;
    for (const auto& [offset, diagonal] : matrix.diagonals) {
        const auto [baby, giant] = split.steps.at(offset);
        shape.giants[giant].push_back({offset, baby, period_of(diagonal)});
    }
    return shape;
}

std::size_t expanded_words(std::size_t n) noexcept {
    return std::min(block_size, n) * most_babies;
}

EncodedMatrix::EncodedMatrix(const Parameters& parameters, const DiagonalMatrix& matrix,
                             std::size_t level, double scale)
    : level_(level), scale_(scale) {
    const std::size_t slots = parameters.slots();
    require(level >= 1 && level <= parameters.max_level() && slots % matrix.size == 0 &&
                matrix.size >= 2 && std::isfinite(scale) && scale > 0,
            ErrorCode::invalid_argument,
            "cannot encode a matrix of size {} at level {} and scale {} for {} slots and {} levels",
            matrix.size, level, scale, slots, parameters.max_level());
    const MatrixShape shape = shape_of(matrix);
    stride_ = shape.stride;
    const auto size = static_cast<std::int64_t>(matrix.size);
    for (const auto& [giant, diagonals] : shape.giants) {
        const auto back = static_cast<std::size_t>((size - giant * stride_ % size) % size);
        for (const MatrixShape::Diagonal& diagonal : diagonals) {
            const std::vector<Complex>& values = matrix.diagonals.at(diagonal.offset);
            std::vector<Complex> rotated(diagonal.period);
            for (std::size_t j = 0; j < diagonal.period; ++j) {
                rotated[j] = values[(j + back) % matrix.size];
            }
            giants_[giant].push_back(
                {diagonal.baby, slots / diagonal.period,
                 encode_sparse(parameters.ring(), sparse_coefficients(rotated, scale), level)});
        }
    }
}

std::size_t EncodedMatrix::bytes() const noexcept {
    std::size_t sum = 0;
    for (const auto& [giant, diagonals] : giants_) {
        for (const Diagonal& diagonal : diagonals) {
            sum += diagonal.values.bytes();
        }
    }
    return sum;
}

void EncodedMatrix::multiply_babies(const Ring& ring,
                                    const std::map<std::size_t, RaisedPair>& babies,
                                    std::map<std::int64_t, RaisedPair>& sums) const {
    const std::size_t n = ring.n();
    const std::size_t block = std::min(block_size, n);
    parallel_for(0, level_ + 1 + ring.p_count(), [&](std::size_t limb) {
        const Modulus& q = ring.modulus(ring.prime_of_limb(limb, level_));
        RnsPoly expanded(block, most_babies);
        std::array<const std::uint64_t*, most_babies> left{};
        std::array<const std::uint64_t*, most_babies> right{};
        for (std::size_t offset = 0; offset < n; offset += block) {
            for (const auto& [giant, diagonals] : giants_) {
                for (std::size_t i = 0; i < diagonals.size(); ++i) {
                    const Diagonal& diagonal = diagonals[i];
                    const std::uint64_t* stored = diagonal.values.limb(limb);
                    right[i] = stored + offset;
                    if (diagonal.repeat > 1) {
                        std::uint64_t* out = expanded.limb(i);
                        for (std::size_t k = 0; k < block; k += diagonal.repeat) {
                            std::fill_n(out + k, std::min(diagonal.repeat, block),
                                        stored[(offset + k) / diagonal.repeat]);
                        }
                        right[i] = out;
                    }
                }
                RaisedPair& sum = sums.at(giant);
                for (std::size_t part = 0; part < 2; ++part) {
                    for (std::size_t i = 0; i < diagonals.size(); ++i) {
                        left[i] = babies.at(diagonals[i].baby).parts[part].limb(limb) + offset;
                    }
                    kernels().multiply_accumulate(sum.parts[part].limb(limb) + offset, left.data(),
                                                  right.data(), diagonals.size(), false, block, q);
                }
            }
        }
    });
}

Ciphertext EncodedMatrix::apply(const EvaluationKeys& keys, const Ciphertext& a) const {
    return lower(keys.parameters().ring(), apply_raised(keys, a), a.scale() * scale_, true);
}

RaisedPair EncodedMatrix::apply_raised(const EvaluationKeys& keys, const Ciphertext& a) const {
    require(a.level() == level_ && a.size() == 2, ErrorCode::level_mismatch,
            "a matrix encoded for level {} cannot be applied to {} parts at level {}", level_,
            a.size(), a.level());
    const Parameters& parameters = keys.parameters();
    const Ring& ring = parameters.ring();
    const auto key = [&](std::int64_t steps) -> const SwitchingKey& {
        return keys.get(KeyId::of_rotation(steps, parameters.slots()), level_);
    };

    std::map<std::int64_t, RaisedPair> sums;
    {
        std::map<std::size_t, RaisedPair> babies;
        const Decomposition digits = decompose(ring, a.part(1), level_);
        for (const auto& [giant, diagonals] : giants_) {
            sums.emplace(giant, raised_pair(ring, level_));
            for (const Diagonal& diagonal : diagonals) {
                if (babies.contains(diagonal.baby)) {
                    continue;
                }
                if (diagonal.baby == 0) {
                    babies.emplace(0, lift(ring, a));
                    continue;
                }
                RaisedPair& baby =
                    babies.emplace(diagonal.baby, raised_pair(ring, level_)).first->second;
                rotate_raised(ring, digits, a.part(0),
                              key(static_cast<std::int64_t>(diagonal.baby)), baby, false);
            }
        }
        multiply_babies(ring, babies, sums);
    }

    // From the outermost giant steps to 0. A step that no diagonal needs starts from nothing.
    const auto sum_of = [&](std::int64_t giant) -> RaisedPair& {
        const auto found = sums.find(giant);
        return found != sums.end()
                   ? found->second
                   : sums.emplace(giant, raised_pair(ring, level_, true)).first->second;
    };
    for (const std::int64_t side : {1, -1}) {
        const std::int64_t outermost = side > 0 ? sums.rbegin()->first : -sums.begin()->first;
        for (std::int64_t giant = outermost; giant > 0; --giant) {
            RaisedPair& sum = sum_of(side * giant);
            rotate_raised_pair(ring, sum.parts[0], std::move(sum.parts[1]), key(side * stride_),
                               sum_of(side * (giant - 1)), true);
            sums.erase(side * giant);
        }
    }
    RaisedPair total = std::move(sum_of(0));
    return total;
}

}  // namespace cipherfit
