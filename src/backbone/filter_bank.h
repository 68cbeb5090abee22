// Random filters with whole-number weights, the same on every platform.
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

namespace cipherfit {

// One unit of weight is 1/256: filters have a norm of 256 before rounding.
inline constexpr double filter_unit = 256.0;

// `count` x `size`^2 whole numbers, size >= 2. Weight i of a filter is round(256 u_i / |u|) with
// u = g - mean(g) and g_i approximately normal: the sum of twelve independent 16-bit uniforms
// (Irwin-Hall), taken from the top bits down from three successive outputs of splitmix64 (Steele,
// Lea and Flood, OOPSLA 2014) started at `seed`. Integers up to the one square root and quotient,
// which IEEE 754 rounds correctly, so that the bank is a function of its arguments alone.
Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> make_filter_bank(
    std::uint64_t seed, Eigen::Index count, Eigen::Index size);

// The weights of a bank as bytes (little-endian 16-bit), for a fingerprint.
std::vector<std::uint8_t> filter_bank_bytes(
    const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>& bank);

}  // namespace cipherfit
