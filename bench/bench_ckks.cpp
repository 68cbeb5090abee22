// The engine's operations: <operation>/<log2 N>/<limbs of Q>, one operation an iteration, at the
// top level of 128-bit parameters (ring_fixture.h). ntt_forward and ntt_inverse are of one limb.
//   CIPHERFIT_THREADS=2 bench_ckks --benchmark_filter=rotate
// `encrypt` uses the public key; `decrypt` includes decoding, at two limbs. `rotate_hoisted` is
// without the decomposition that a family of rotations shares, which is `hoist`.
#include "bench_main.h"
#include "ring_fixture.h"
#include "rlwe/ring.h"

#include <array>
#include <functional>
#include <string>

namespace cipherfit::bench {
namespace {

constexpr std::array rings{RingSize{13, 3}, RingSize{14, 6}, RingSize{15, 11}, RingSize{16, 21}};

using Operation = void (*)(benchmark::State&, const RingFixture&);

// Once outside the timed loop, so that the memory pool holds what `body` needs, as it does in any
// longer computation.
template <class Body>
void measure(benchmark::State& state, Body&& body) {
    static_cast<void>(body());
    while (state.KeepRunning()) {
        auto result = body();
        benchmark::DoNotOptimize(result);
    }
}

void transform(benchmark::State& state, const RingFixture& f, bool forward) {
    const Ring& ring = f.parameters.ring();
    RnsPoly limb = f.a.part(0).copy(1);
    // Warm tables and data: what the limbs of a polynomial meet one after the other.
    while (state.KeepRunning()) {
        forward ? ring.forward(limb.limb(0), 0) : ring.inverse(limb.limb(0), 0);
        benchmark::ClobberMemory();
    }
}

void ntt_forward(benchmark::State& state, const RingFixture& f) {
    transform(state, f, true);
}

void ntt_inverse(benchmark::State& state, const RingFixture& f) {
    transform(state, f, false);
}

void multiply(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.multiply(f.a, f.b); });
}

void multiply_relinearize(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.relinearize(f.evaluator.multiply(f.a, f.b)); });
}

void multiply_relinearize_rescale(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.relinearize_rescale(f.evaluator.multiply(f.a, f.b)); });
}

void rotate(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.rotate(f.a, RingFixture::rotation); });
}

void hoist(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.hoist(f.a); });
}

void rotate_hoisted(benchmark::State& state, const RingFixture& f) {
    const HoistedCiphertext hoisted = f.evaluator.hoist(f.a);
    measure(state, [&] { return f.evaluator.rotate(hoisted, RingFixture::rotation); });
}

void rescale(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.rescale(f.a); });
}

void encode(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.encoder().encode(f.values, f.level, f.scale); });
}

void encrypt_public(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return encrypt(f.public_key, f.plaintext); });
}

void encrypt_secret(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return encrypt_seeded(f.secret, f.plaintext); });
}

void decrypt_decode(benchmark::State& state, const RingFixture& f) {
    measure(state, [&] { return f.evaluator.encoder().decode(decrypt(f.secret, f.two_limbs)); });
}

struct Entry {
    const char* name;
    Operation operation;
};
constexpr std::array operations{
    Entry{"ntt_forward", ntt_forward},
    Entry{"ntt_inverse", ntt_inverse},
    Entry{"multiply", multiply},
    Entry{"multiply_relinearize", multiply_relinearize},
    Entry{"multiply_relinearize_rescale", multiply_relinearize_rescale},
    Entry{"rotate", rotate},
    Entry{"hoist", hoist},
    Entry{"rotate_hoisted", rotate_hoisted},
    Entry{"rescale", rescale},
    Entry{"encode", encode},
    Entry{"encrypt", encrypt_public},
    Entry{"encrypt_secret_key", encrypt_secret},
    Entry{"decrypt", decrypt_decode},
};

void register_all() {
    for (const RingSize& ring : rings) {
        for (const auto& [name, operation] : operations) {
            const std::string full = fmt::format("{}/{}/{}", name, ring.log_n, ring.q_limbs);
            benchmark::RegisterBenchmark(full.c_str(), [ring,
                                                        run = operation](benchmark::State& state) {
                const RingFixture& f = fixture(ring);
                run(state, f);
                state.counters["log_qp"] = f.parameters.log_qp();
                state.counters["p_limbs"] = static_cast<double>(f.parameters.special_primes());
            })->Unit(benchmark::kMillisecond);
        }
    }
}

}  // namespace
}  // namespace cipherfit::bench

int main(int argc, char** argv) {
    return cipherfit::bench::run(argc, argv, cipherfit::bench::register_all);
}
