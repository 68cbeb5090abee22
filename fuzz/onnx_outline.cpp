// The outline of an ONNX file: any bytes give one or a clear refusal.
#include "backbone/cnn/onnx_outline.h"

#include "fuzz_support.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cipherfit;
    const auto outline = read_onnx_outline({data, size});
    claim_clear_refusal(outline);
    if (outline) {
        claim(!outline->nodes.empty());
        claim(2 * outline->nodes.size() <= size);
    }
    return 0;
}
