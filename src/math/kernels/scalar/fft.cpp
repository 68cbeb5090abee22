// Two stages of the embedding's FFT (special_fft.h), a number at a time.
#include "math/kernels/scalar/kernels.h"

namespace cipherfit::scalar {
namespace {

// One complex number.
struct Pairs {
    double re, im;
};
constexpr std::size_t width = 1;

inline Pairs load(const double* z) {
    return {z[0], z[1]};
}
inline void store(double* z, Pairs v) {
    z[0] = v.re;
    z[1] = v.im;
}
inline Pairs plus(Pairs a, Pairs b) {
    return {a.re + b.re, a.im + b.im};
}
inline Pairs minus(Pairs a, Pairs b) {
    return {a.re - b.re, a.im - b.im};
}
inline Pairs times(Pairs a, Pairs w) {
    return {a.re * w.re - a.im * w.im, a.re * w.im + a.im * w.re};
}
inline Pairs times_conjugate(Pairs a, Pairs w) {
    return {a.re * w.re + a.im * w.im, a.im * w.re - a.re * w.im};
}

#include "math/kernels/fft_stages.h"

}  // namespace

void fft_two_stages(double* values, std::size_t count, const double* twiddles, std::size_t h,
                    bool joining) noexcept {
    joining ? two_stages<true>(values, count, twiddles, h)
            : two_stages<false>(values, count, twiddles, h);
}

}  // namespace cipherfit::scalar
