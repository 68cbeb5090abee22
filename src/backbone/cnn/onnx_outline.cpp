#include "backbone/cnn/onnx_outline.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace cipherfit {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Numbers of fields in onnx.proto3.
namespace model_field {
constexpr unsigned graph = 7;
}
namespace graph_field {
constexpr unsigned node = 1, initializer = 5, input = 11;
}
namespace node_field {
constexpr unsigned output = 2, name = 3, kind = 4;
}
namespace tensor_field {
constexpr unsigned name = 8;
}
namespace value_field {
constexpr unsigned name = 1, type = 2;
}

struct Field {
    unsigned number = 0;
    std::uint64_t value = 0;  // of a varint
    Bytes bytes;              // of a string or a message
};

// The fields of one protobuf message, in order. After the last, or at a mistake, next() is false.
class Fields {
  public:
    explicit Fields(Bytes message) noexcept : rest_(message) {}
    bool failed() const noexcept { return failed_; }

    bool next(Field& field) noexcept {
        if (failed_ || rest_.empty()) {
            return false;
        }
        std::uint64_t key = 0;
        failed_ = !varint(key) || (key >> 3U) == 0 || (key >> 3U) > (1U << 29U);
        field = {static_cast<unsigned>(key >> 3U), 0, {}};
        failed_ = failed_ || !payload(static_cast<unsigned>(key & 7U), field);
        return !failed_;
    }

  private:
    bool varint(std::uint64_t& value) noexcept {
        value = 0;
        for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
            const std::uint8_t byte = rest_.front();
            rest_ = rest_.subspan(1);
            value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
            if (byte < 0x80) {
                return true;
            }
        }
        return false;
    }

    bool take(std::uint64_t count, Bytes& bytes) noexcept {
        if (count > rest_.size()) {
            return false;
        }
        bytes = rest_.first(static_cast<std::size_t>(count));
        rest_ = rest_.subspan(static_cast<std::size_t>(count));
        return true;
    }

    bool payload(unsigned type, Field& field) noexcept {
        std::uint64_t length = 0;
        switch (type) {
            case 0:
                return varint(field.value);
            case 1:
                return take(8, field.bytes);
            case 2:
                return varint(length) && take(length, field.bytes);
            case 5:
                return take(4, field.bytes);
            default:
                return false;
        }
    }

    Bytes rest_;
    bool failed_ = false;
};

std::string text(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

// The first message or string under `number`; empty where there is none.
Bytes find(Bytes message, unsigned number) noexcept {
    Fields fields(message);
    Field field;
    while (fields.next(field)) {
        if (field.number == number) {
            return field.bytes;
        }
    }
    return {};
}

bool read_node(Bytes message, OnnxNode& node) {
    Fields fields(message);
    Field field;
    while (fields.next(field)) {
        if (field.number == node_field::kind) {
            node.kind = text(field.bytes);
        } else if (field.number == node_field::name) {
            node.name = text(field.bytes);
        } else if (field.number == node_field::output) {
            node.outputs.push_back(text(field.bytes));
        }
    }
    return !fields.failed();
}

// ValueInfoProto.type (2) . tensor_type (1) . shape (2) . dim (1) . dim_value (1)
OnnxInput read_input(Bytes message) {
    OnnxInput input{text(find(message, value_field::name)), {}};
    Fields sizes(find(find(find(message, value_field::type), 1), 2));
    Field size;
    while (sizes.next(size)) {
        Fields parts(size.bytes);
        Field part;
        std::int64_t value = -1;
        while (parts.next(part)) {
            const bool known = part.number == 1 && part.value > 0 && part.value < (1U << 30U);
            value = known ? static_cast<std::int64_t>(part.value) : value;
        }
        input.sizes.push_back(value);
    }
    return input;
}

}  // namespace

Expected<OnnxOutline> read_onnx_outline(Bytes file) {
    Fields model(file);
    Field field;
    Bytes graph;
    while (model.next(field)) {
        graph = field.number == model_field::graph ? field.bytes : graph;
    }
    if (model.failed() || file.empty()) {
        return make_error(ErrorCode::bad_input, "is no ONNX file");
    }
    OnnxOutline outline;
    std::unordered_set<std::string> constants;
    Fields parts(graph);
    bool intact = true;
    while (intact && parts.next(field)) {
        if (field.number == graph_field::node) {
            intact = read_node(field.bytes, outline.nodes.emplace_back());
        } else if (field.number == graph_field::initializer) {
            constants.insert(text(find(field.bytes, tensor_field::name)));
        } else if (field.number == graph_field::input) {
            outline.inputs.push_back(read_input(field.bytes));
        }
    }
    if (!intact || parts.failed()) {
        return make_error(ErrorCode::bad_input, "is no ONNX file, or a damaged one");
    }
    if (outline.nodes.empty()) {
        return make_error(ErrorCode::bad_input, "holds no network");
    }
    std::erase_if(outline.inputs,
                  [&](const OnnxInput& input) { return constants.contains(input.name); });
    return outline;
}

}  // namespace cipherfit
