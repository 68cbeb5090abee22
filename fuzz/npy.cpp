// The .npy readers. Whatever is accepted has as many values as bytes allow, all of them finite.
#include "cipherfit/io/npy.h"

#include "fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    MemorySource source({data, size});
    const auto matrix = read_npy_matrix(source);
    claim_clear_refusal(matrix);
    if (matrix) {
        claim(static_cast<std::size_t>(matrix->size()) <= size);
        claim(matrix->allFinite());
    }
    const auto integers = read_npy_integers(source);
    claim_clear_refusal(integers);
    if (integers) {
        claim(integers->size() <= size);
    }
    return 0;
}
