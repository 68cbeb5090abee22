// Every kernel of every instruction set that this CPU has, on the same numbers: the same bits as
// the portable ones.
#include "fuzz_support.h"
#include "math/base_conversion.h"
#include "math/kernels/kernel_table.h"
#include "math/primes.h"
#include "math/special_fft.h"

#include <algorithm>
#include <array>
#include <complex>
#include <cstring>
#include <functional>
#include <new>
#include <span>
#include <vector>

using namespace cipherfit;

namespace {

constexpr unsigned log_n = 6;
constexpr std::size_t n = std::size_t{1} << log_n;

// 64-byte aligned words.
struct Words {
    explicit Words(std::size_t count) : lines((count + 7) / 8) {}
    struct alignas(64) Line {
        std::array<std::uint64_t, 8> words{};
    };
    std::uint64_t* data() { return lines.data()->words.data(); }
    std::vector<Line> lines;
};

// Numbers from the input, over and over, and zeros where it is empty.
class Source {
  public:
    explicit Source(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    std::uint64_t word() {
        std::uint64_t value = 0;
        for (int i = 0; i < 8 && !bytes_.empty(); ++i) {
            value = (value << 8U) | bytes_[at_++ % bytes_.size()];
        }
        return value ^ (at_ * 0x9e3779b97f4a7c15U * (at_ > bytes_.size() ? 1 : 0));
    }
    void residues(std::uint64_t* out, const Modulus& q) {
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint64_t value = word();
            // The ends of the range matter most.
            out[i] = value % 8 == 0 ? q.value - 1 - value / 8 % 2 : value % q.value;
        }
    }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

// Runs the kernel of every table on copies of `start` and compares them.
void compare(Words& start, std::size_t count,
             const std::function<void(const KernelTable&, std::uint64_t*)>& run) {
    Words expected = start;
    run(*supported_kernels().back(), expected.data());
    for (const KernelTable* table : supported_kernels()) {
        Words ours = start;
        run(*table, ours.data());
        claim(std::memcmp(ours.data(), expected.data(), count * sizeof(std::uint64_t)) == 0);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    static const std::vector<std::uint64_t> primes = [] {
        std::vector<std::uint64_t> all;
        for (const unsigned bits : {20U, 36U, 40U, 48U, 49U, 50U}) {
            const auto some = ntt_primes(log_n, bits, 2);
            all.insert(all.end(), some.begin(), some.end());
        }
        return all;
    }();
    const Modulus q = Modulus::create(primes[data[1] % primes.size()]);
    const Modulus p = Modulus::create(primes[(data[1] + 1U) % primes.size()]);
    const NttTables tables = NttTables::create(q, log_n);
    Source source({data + 2, size - 2});
    Words a(n);
    Words b(n);
    Words out(n);
    source.residues(a.data(), q);
    source.residues(b.data(), q);
    source.residues(out.data(), q);
    const ShoupFactor w = shoup_factor(source.word() % q.value, q);
    switch (data[0] % 10) {
        case 0:
            compare(a, n,
                    [&](const KernelTable& k, std::uint64_t* x) { k.ntt_forward(x, tables); });
            break;
        case 1:
            compare(a, n,
                    [&](const KernelTable& k, std::uint64_t* x) { k.ntt_inverse(x, tables); });
            break;
        case 2:
            compare(out, n, [&](const KernelTable& k, std::uint64_t* x) {
                k.add(x, x, a.data(), n, q);
                k.subtract(x, x, b.data(), n, q);
                k.negate(x, x, n, q);
            });
            break;
        case 3:
            compare(out, n, [&](const KernelTable& k, std::uint64_t* x) {
                k.multiply(x, a.data(), b.data(), n, q);
            });
            break;
        case 4:
            compare(out, n, [&](const KernelTable& k, std::uint64_t* x) {
                k.multiply_scalar_add(x, a.data(), w, n, q);
                k.subtract_multiply_scalar(x, x, b.data(), w, n, q);
                k.multiply_scalar(x, x, w, n, q);
            });
            break;
        case 5: {
            std::vector<const std::uint64_t*> left(1 + data[1] % 64U, a.data());
            std::vector<const std::uint64_t*> right(left.size(), b.data());
            compare(out, n, [&](const KernelTable& k, std::uint64_t* x) {
                k.multiply_accumulate(x, left.data(), right.data(), left.size(), size % 2 == 0, n,
                                      q);
            });
            break;
        }
        case 6: {
            std::vector<std::uint32_t> index(n);
            for (std::uint32_t& i : index) {
                i = static_cast<std::uint32_t>(source.word() % n);
            }
            compare(out, n, [&](const KernelTable& k, std::uint64_t* x) {
                k.permute(x, a.data(), index.data(), n);
            });
            break;
        }
        case 7:
            compare(out, n, [&](const KernelTable& k, std::uint64_t* x) {
                k.switch_modulus(x, a.data(), n, q, p);
            });
            break;
        case 8: {
            std::vector<Modulus> moduli;
            for (const std::uint64_t prime : primes) {
                moduli.push_back(Modulus::create(prime));
            }
            const std::size_t count = 1 + data[1] % (moduli.size() - 1);
            const std::span all(moduli);
            const BaseConversion conversion =
                BaseConversion::create(all.first(count), all.subspan(count));
            Words in(count * n);
            std::vector<const std::uint64_t*> sources;
            for (std::size_t i = 0; i < count; ++i) {
                source.residues(in.data() + i * n, moduli[i]);
                sources.push_back(in.data() + i * n);
            }
            Words converted((moduli.size() - count) * n);
            compare(converted, (moduli.size() - count) * n,
                    [&](const KernelTable& k, std::uint64_t* x) {
                        std::vector<std::uint64_t*> targets;
                        for (std::size_t j = 0; j < moduli.size() - count; ++j) {
                            targets.push_back(x + j * n);
                        }
                        k.convert_base(targets.data(), sources.data(), n, conversion.view());
                    });
            break;
        }
        default: {
            static const SpecialFft fft = SpecialFft::create(log_n + 1);
            std::vector<double> twiddles(2);
            for (std::size_t half = 1; half < n; half *= 2) {
                for (const std::complex<double>& z : fft.stage(half)) {
                    twiddles.insert(twiddles.end(), {z.real(), z.imag()});
                }
            }
            Words numbers(2 * n);
            for (std::size_t i = 0; i < 2 * n; ++i) {
                const double value = static_cast<double>(source.word() >> 11U) * 0x1p-50 - 4;
                std::memcpy(numbers.data() + i, &value, sizeof(value));
            }
            const std::size_t h = std::size_t{1} << (data[1] % (log_n - 1));
            compare(numbers, 2 * n, [&](const KernelTable& k, std::uint64_t* x) {
                // The words' storage, as the doubles that were copied into it.
                k.fft_two_stages(std::launder(reinterpret_cast<double*>(x)), n, twiddles.data(), h,
                                 size % 2 == 0);
            });
        }
    }
    return 0;
}
