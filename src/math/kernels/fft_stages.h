// The loop of two stages of the embedding's FFT, the same in every instruction set. Included into
// each kernel's own namespace, which defines Pairs (of `width` complex numbers), load, store, plus,
// minus, times and times_conjugate: code that is compiled for one CPU must not be shared.

// (x, y) -> (x + w y, x - w y), and back up to a factor of 2.
inline void join(Pairs& x, Pairs& y, Pairs w) {
    const Pairs product = times(y, w);
    y = minus(x, product);
    x = plus(x, product);
}
inline void split(Pairs& x, Pairs& y, Pairs w) {
    const Pairs difference = minus(x, y);
    x = plus(x, y);
    y = times_conjugate(difference, w);
}

template <bool joining>
void two_stages(double* values, std::size_t count, const double* twiddles, std::size_t h) {
    const double* inner = twiddles + 2 * h;
    const double* outer = twiddles + 4 * h;
    for (double* x = values; x < values + 2 * count; x += 8 * h) {
        for (std::size_t j = 0; j < 2 * h; j += 2 * width) {
            Pairs a = load(x + j);
            Pairs b = load(x + j + 2 * h);
            Pairs c = load(x + j + 4 * h);
            Pairs d = load(x + j + 6 * h);
            const Pairs w = load(inner + j);
            const Pairs left = load(outer + j);
            const Pairs right = load(outer + j + 2 * h);
            if constexpr (joining) {
                join(a, b, w);
                join(c, d, w);
                join(a, c, left);
                join(b, d, right);
            } else {
                split(a, c, left);
                split(b, d, right);
                split(a, b, w);
                split(c, d, w);
            }
            store(x + j, a);
            store(x + j + 2 * h, b);
            store(x + j + 4 * h, c);
            store(x + j + 6 * h, d);
        }
    }
}
