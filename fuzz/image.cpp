// The decoders of pictures. Whatever is accepted has all of its pixels.
#include "backbone/cnn/image.h"

#include "fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    const auto image = decode_image({data, size});
    claim_clear_refusal(image);
    if (image) {
        claim(image->channels == 3 && image->height > 0 && image->width > 0);
        claim(image->pixels.size() == image->size());
    }
    return 0;
}
