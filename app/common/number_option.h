// Bounds of options that take numbers. The help states them, and a text that is no number, wraps,
// overflows, is nan or lies outside is refused in one line; CLI11's own checks let nan pass, and
// read -3 as 2^64 - 3 where the option's type has no sign.
#pragma once

#include <cstdint>

#include <CLI/CLI.hpp>

namespace cipherfit {

// Decimal digits of a number in [least, most]. For transform(): CLI11 reads 010 as 8 otherwise.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);

// A decimal number in [least, most], or in (least, most].
enum class LeastIs { allowed, excluded };
CLI::Validator real_number(double least, double most, LeastIs least_is = LeastIs::allowed);

}  // namespace cipherfit
