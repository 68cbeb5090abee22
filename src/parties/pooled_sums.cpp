#include "cipherfit/parties/pooled_sums.h"

#include "cipherfit/io/bytes.h"

#include <algorithm>
#include <cmath>

namespace cipherfit {
namespace {

constexpr std::uint64_t most_sums = std::uint64_t{1} << 26U;

}  // namespace

std::uint64_t to_fixed_point(double value, unsigned fraction_bits, std::size_t terms) {
    const double scaled = std::round(std::ldexp(value, static_cast<int>(fraction_bits)));
    // Each of the terms is as large as this one may be.
    const double largest =
        std::ldexp(1.0, 63) / static_cast<double>(std::max<std::size_t>(terms, 1));
    require(std::isfinite(scaled) && std::abs(scaled) < largest, ErrorCode::bad_input,
            "{} with {} fractional bits is too large to be added up over {} contributors: use "
            "fewer bits",
            value, fraction_bits, terms);
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(scaled));
}

double from_fixed_point(std::uint64_t sum, unsigned fraction_bits) noexcept {
    return std::ldexp(static_cast<double>(static_cast<std::int64_t>(sum)),
                      -static_cast<int>(fraction_bits));
}

Expected<std::vector<std::uint64_t>> pooled_sums(
    const Charter& charter, const std::map<std::uint32_t, std::vector<std::uint64_t>>& masked) {
    const auto contributors = charter.contributors();
    for (const auto& [member, numbers] : masked) {
        if (std::ranges::find(contributors, member) == contributors.end()) {
            return make_error(ErrorCode::bad_input, "{} is no contributor and has no sums",
                              charter.describe(member));
        }
        if (numbers.size() != masked.begin()->second.size()) {
            return make_error(ErrorCode::bad_input, "{} sent {} masked sums, and {} sent {}",
                              charter.describe(member), numbers.size(),
                              charter.describe(masked.begin()->first),
                              masked.begin()->second.size());
        }
    }
    for (const std::uint32_t member : contributors) {
        if (!masked.contains(member)) {
            return make_error(ErrorCode::bad_input,
                              "the masked sums of {} are missing: without them no mask cancels",
                              charter.describe(member));
        }
    }
    std::vector<std::uint64_t> result(masked.begin()->second.size(), 0);
    for (const auto& [member, numbers] : masked) {
        std::transform(result.begin(), result.end(), numbers.begin(), result.begin(),
                       [](std::uint64_t a, std::uint64_t b) { return a + b; });
    }
    return result;
}

std::vector<std::uint8_t> masked_to_bytes(std::span<const std::uint64_t> masked) {
    ByteWriter out;
    out.u64(masked.size());
    for (const std::uint64_t value : masked) {
        out.u64(value);
    }
    return out.take();
}

Expected<std::vector<std::uint64_t>> masked_from_bytes(std::span<const std::uint8_t> bytes) {
    ByteReader in(bytes);
    std::vector<std::uint64_t> result(in.count(most_sums, 8));
    for (std::uint64_t& value : result) {
        value = in.u64();
    }
    if (auto done = in.finish("the masked sums"); !done) {
        return tl::unexpected<ErrorInfo>(done.error());
    }
    return result;
}

}  // namespace cipherfit
