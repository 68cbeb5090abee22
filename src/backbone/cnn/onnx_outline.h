// What an ONNX file says about itself, read without the library that will run it, so that wrong
// files are refused with a reason. The fields are those of onnx.proto3.
#pragma once

#include "cipherfit/base/error.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

struct OnnxNode {
    std::string kind;  // the operator, e.g. "Conv"
    std::string name;  // may be empty
    std::vector<std::string> outputs;
};

struct OnnxInput {
    std::string name;
    std::vector<std::int64_t> sizes;  // -1 where the file leaves one open
};

struct OnnxOutline {
    std::vector<OnnxNode> nodes;
    std::vector<OnnxInput> inputs;  // without those that are constants of the file
};

// Untrusted bytes: bad_input, in a few words without the file's name, for what is no protobuf
// message with a graph.
Expected<OnnxOutline> read_onnx_outline(std::span<const std::uint8_t> file);

}  // namespace cipherfit
