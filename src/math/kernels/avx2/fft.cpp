// Two stages of the embedding's FFT (special_fft.h), several numbers at a time.
#include "math/kernels/avx2/kernels.h"
#include "math/kernels/scalar/kernels.h"

#include <immintrin.h>

namespace cipherfit::avx2 {
namespace {

using Pairs = __m256d;
constexpr std::size_t width = 2;

inline Pairs load(const double* z) {
    return _mm256_loadu_pd(z);
}
inline void store(double* z, Pairs v) {
    _mm256_storeu_pd(z, v);
}
inline Pairs plus(Pairs a, Pairs b) {
    return _mm256_add_pd(a, b);
}
inline Pairs minus(Pairs a, Pairs b) {
    return _mm256_sub_pd(a, b);
}
// re: a.re w.re, a.im w.re; im: a.im w.im, a.re w.im.
inline Pairs by_re(Pairs a, Pairs w) {
    return _mm256_mul_pd(a, _mm256_movedup_pd(w));
}
inline Pairs by_im(Pairs a, Pairs w) {
    return _mm256_mul_pd(_mm256_permute_pd(a, 0x5), _mm256_permute_pd(w, 0xf));
}
inline Pairs times(Pairs a, Pairs w) {
    return _mm256_addsub_pd(by_re(a, w), by_im(a, w));
}
inline Pairs times_conjugate(Pairs a, Pairs w) {
    return _mm256_addsub_pd(by_re(a, w), _mm256_xor_pd(by_im(a, w), _mm256_set1_pd(-0.0)));
}

#include "math/kernels/fft_stages.h"

}  // namespace

void fft_two_stages(double* values, std::size_t count, const double* twiddles, std::size_t h,
                    bool joining) noexcept {
    if (h < width) {
        scalar::fft_two_stages(values, count, twiddles, h, joining);
    } else if (joining) {
        two_stages<true>(values, count, twiddles, h);
    } else {
        two_stages<false>(values, count, twiddles, h);
    }
}

}  // namespace cipherfit::avx2
