// The reader of CIFAR-10. Whatever is accepted accounts for every byte of the file.
#include "cipherfit/io/cifar.h"

#include "fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    MemorySource source({data, size});
    const auto images = read_cifar10(source);
    claim_clear_refusal(images);
    if (images) {
        claim(images->labels.size() + images->pixels.size() == size);
        claim(looks_like_cifar10(source));
    }
    return 0;
}
