// Two stages of the embedding's FFT (special_fft.h), several numbers at a time.
#include "math/kernels/ifma/kernels.h"
#include "math/kernels/scalar/kernels.h"

#include <immintrin.h>

namespace cipherfit::ifma {
namespace {

using Pairs = __m512d;
constexpr std::size_t width = 4;
constexpr __mmask8 real_parts = 0x55;

inline Pairs load(const double* z) {
    return _mm512_loadu_pd(z);
}
inline void store(double* z, Pairs v) {
    _mm512_storeu_pd(z, v);
}
inline Pairs plus(Pairs a, Pairs b) {
    return _mm512_add_pd(a, b);
}
inline Pairs minus(Pairs a, Pairs b) {
    return _mm512_sub_pd(a, b);
}
// re: a.re w.re, a.im w.re; im: a.im w.im, a.re w.im. (Zeroing forms: the plain ones make g++ 12
// warn.)
inline Pairs by_re(Pairs a, Pairs w) {
    return _mm512_mul_pd(a, _mm512_maskz_movedup_pd(0xff, w));
}
inline Pairs by_im(Pairs a, Pairs w) {
    return _mm512_mul_pd(_mm512_maskz_permute_pd(0xff, a, 0x55),
                         _mm512_maskz_permute_pd(0xff, w, 0xff));
}
inline Pairs times(Pairs a, Pairs w) {
    const Pairs x = by_re(a, w);
    const Pairs y = by_im(a, w);
    return _mm512_mask_sub_pd(_mm512_add_pd(x, y), real_parts, x, y);
}
inline Pairs times_conjugate(Pairs a, Pairs w) {
    const Pairs x = by_re(a, w);
    const Pairs y = by_im(a, w);
    return _mm512_mask_add_pd(_mm512_sub_pd(x, y), real_parts, x, y);
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

}  // namespace cipherfit::ifma
