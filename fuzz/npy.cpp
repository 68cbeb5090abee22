// The .npy readers. Whatever is accepted has as many values as bytes allow, all of them finite.
#include "cipherfit/io/npy.h"

#include "cipherfit/io/picture_file.h"
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
    const auto labels = read_npy_labels(source);
    claim_clear_refusal(labels);
    if (labels) {
        claim(labels->labels.size() <= size);
        for (const int label : labels->labels) {
            claim(label >= 0 && static_cast<std::size_t>(label) < labels->classes.size());
        }
    }
    const auto pictures = PictureFile::open(std::make_unique<MemorySource>(std::span(data, size)));
    claim_clear_refusal(pictures);
    if (pictures && pictures->count() > 0) {
        claim(pictures->count() * pictures->shape().bytes() <= size);
        claim(pictures->read(pictures->count() - 1).has_value());
    }
    return 0;
}
