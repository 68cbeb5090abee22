#include "backbone/cnn/onnx_outline.h"

#include <string>

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

// Protobuf by hand: field number, then a string or message, or a number.
std::string part(unsigned number, const std::string& bytes) {
    std::string text{static_cast<char>(number << 3U | 2U)};
    std::size_t size = bytes.size();
    for (; size >= 128; size >>= 7U) {
        text += static_cast<char>(size % 128 + 128);
    }
    return text + static_cast<char>(size) + bytes;
}
std::string part(unsigned number, unsigned value) {
    return {static_cast<char>(number << 3U), static_cast<char>(value)};
}
std::string input(const std::string& name, const std::string& sizes) {
    return part(11, part(1, name) + part(2, part(1, part(1, 1U) + part(2, sizes))));
}
std::string model(const std::string& graph) {
    return part(1, 5U) + part(7, graph);
}
Expected<OnnxOutline> read(const std::string& bytes) {
    return read_onnx_outline({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

const std::string node = part(
    1, part(1, "image") + part(2, "scores") + part(3, "first") + part(4, "Gemm") + part(4, "Conv"));

TEST(OnnxOutline, HoldsNodesAndTheInputsThatAreNoConstants) {
    const std::string sizes = part(1, part(1, 1U)) + part(1, part(2, "any")) + part(1, "");
    const auto outline = read(model(node + part(5, part(8, "weights")) + input("image", sizes) +
                                    input("weights", "") + part(2, "name of the graph")));
    ASSERT_TRUE(outline) << outline.error().message;
    ASSERT_EQ(outline->nodes.size(), 1U);
    EXPECT_EQ(outline->nodes[0].kind, "Conv");  // the last one counts, as protobuf has it
    EXPECT_EQ(outline->nodes[0].name, "first");
    EXPECT_EQ(outline->nodes[0].outputs, std::vector<std::string>{"scores"});
    ASSERT_EQ(outline->inputs.size(), 1U);
    EXPECT_EQ(outline->inputs[0].name, "image");
    EXPECT_EQ(outline->inputs[0].sizes, (std::vector<std::int64_t>{1, -1, -1}));
}

TEST(OnnxOutline, EveryTruncationIsRefused) {
    const std::string whole = model(node + input("image", part(1, part(1, 3U))));
    ASSERT_TRUE(read(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(read(whole.substr(0, size))) << size;
    }
}

TEST(OnnxOutline, SaysWhenThereIsNoNetwork) {
    EXPECT_EQ(read(model(part(2, "empty"))).error().message, "holds no network");
    EXPECT_EQ(read(part(1, 5U)).error().message, "holds no network");
    EXPECT_EQ(read("hello").error().message, "is no ONNX file");
}

}  // namespace
}  // namespace cipherfit
