// The IDX readers. Whatever is accepted accounts for every byte of the file.
#include "cipherfit/io/idx.h"

#include "fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    MemorySource source({data, size});
    const auto images = read_idx_images(source);
    claim_clear_refusal(images);
    if (images) {
        claim(images->pixels.size() + 16 == size);
        claim(images->pixels.size() == images->count * images->rows * images->columns);
    }
    const auto labels = read_idx_labels(source);
    claim_clear_refusal(labels);
    if (labels) {
        claim(labels->size() + 8 == size);
    }
    return 0;
}
