#include "backbone/filter_bank.h"

#include <cmath>

namespace cipherfit {
namespace {

using Bank = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

class SplitMix64 {
  public:
    explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

  private:
    std::uint64_t state_;
};

// Twice a sum of twelve uniforms on 0..65535, less twice its mean: whole and symmetric about 0.
std::int64_t gaussian(SplitMix64& generator) {
    std::int64_t sum = 0;
    for (int word = 0; word < 3; ++word) {
        const std::uint64_t bits = generator.next();
        for (int shift = 48; shift >= 0; shift -= 16) {
            sum += static_cast<std::int64_t>((bits >> shift) & 0xffffU);
        }
    }
    return 2 * sum - 12 * 65535;
}

}  // namespace

Bank make_filter_bank(std::uint64_t seed, Eigen::Index count, Eigen::Index size) {
    const Eigen::Index taps = size * size;
    SplitMix64 generator(seed);
    std::vector<std::int64_t> u(static_cast<std::size_t>(taps));
    Bank bank(count, taps);
    for (Eigen::Index f = 0; f < count; ++f) {
        // |u| = 0 has probability about 2^-20 per tap: redrawn, for a filter of zeros is none.
        std::int64_t norm_squared = 0;
        while (norm_squared == 0) {
            std::int64_t sum = 0;
            for (std::int64_t& value : u) {
                value = gaussian(generator);
                sum += value;
            }
            for (std::int64_t& value : u) {
                value = taps * value - sum;  // taps (g - mean(g)), without a division
                norm_squared += value * value;
            }
        }
        const double scale = filter_unit / std::sqrt(static_cast<double>(norm_squared));
        for (Eigen::Index i = 0; i < taps; ++i) {
            const double weight = static_cast<double>(u[static_cast<std::size_t>(i)]) * scale;
            bank(f, i) = static_cast<float>(std::round(weight));
        }
    }
    return bank;
}

std::vector<std::uint8_t> filter_bank_bytes(const Bank& bank) {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(static_cast<std::size_t>(bank.size()) * 2);
    for (Eigen::Index i = 0; i < bank.size(); ++i) {
        const auto bits = static_cast<std::uint16_t>(static_cast<std::int16_t>(bank.data()[i]));
        bytes.push_back(static_cast<std::uint8_t>(bits & 0xffU));
        bytes.push_back(static_cast<std::uint8_t>(bits >> 8));
    }
    return bytes;
}

}  // namespace cipherfit
