#include "backbone/cnn/cnn.h"

#include "backbone/cnn/image_input.h"
#include "backbone/cnn/onnx_outline.h"
#include "cipherfit/base/parallel.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>
#include <regex>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

constexpr std::size_t max_file_bytes = std::numeric_limits<std::int32_t>::max();
constexpr int default_side = 224;

// Why OpenCV refused: the operator it stumbled over, as far as its words tell.
std::string reason(const cv::Exception& error) {
    const std::string words = error.what();
    static const std::regex node(R"(\[(\w+)(?:@[\w.]+)?\]:\((?:onnx_node\w*!)?([^)]*)\))");
    static const std::regex layer(R"re(layer "(?:onnx_node\w*!)?([^"]*)" of type "([^"]*)")re");
    std::smatch found;
    if (std::regex_search(words, found, node)) {
        return fmt::format("OpenCV cannot run its layer {} ({})", found[1].str(), found[2].str());
    }
    if (std::regex_search(words, found, layer)) {
        return fmt::format("OpenCV cannot run its layer {} ({})", found[2].str(), found[1].str());
    }
    return fmt::format("OpenCV cannot run it: {}", error.err);
}

// The size that both sides agree on: `own` of the file (-1: open) and `wanted` of the description.
int agree(const char* what, std::int64_t own, std::optional<int> wanted, const std::string& file) {
    require(own < 0 || !wanted || own == *wanted, ErrorCode::bad_input,
            "{}: its input has {} {}, its description says {}: correct the description", file, what,
            own, wanted.value_or(0));
    return own > 0 ? static_cast<int>(own) : wanted.value_or(default_side);
}

struct InputSize {
    int height = 0;
    int width = 0;
};

InputSize check_input(const OnnxOutline& outline, const NetworkDescription& description,
                      const std::string& file) {
    require(outline.inputs.size() == 1, ErrorCode::bad_input,
            "{}: has {} inputs: a network for images has one", file, outline.inputs.size());
    auto sizes = outline.inputs.front().sizes;
    if (sizes.empty()) {
        sizes.assign(4, -1);
    }
    require(sizes.size() == 4, ErrorCode::bad_input,
            "{}: its input has {} dimensions: a network for images has four, batch, channels, "
            "height and width",
            file, sizes.size());
    const int channels = description.channel_count();
    require(sizes[1] < 0 || sizes[1] == channels, ErrorCode::bad_input,
            "{}: takes images of {} channels, but they come with {}: set \"channels\" in its "
            "description, or use another network",
            file, sizes[1], channels);
    return {agree("height", sizes[2], description.height, file),
            agree("width", sizes[3], description.width, file)};
}

// OpenCV's names begin with "onnx_node!" and the node's name, or end with the tensor's.
bool is_called(const std::string& layer, const std::string& name) {
    return layer == name || layer.ends_with("!" + name);
}

std::string named_layer(const cv::dnn::Net& net, const OnnxOutline& outline,
                        const std::string& wanted, const std::string& file) {
    std::vector<std::string> names{wanted};
    for (const OnnxNode& node : outline.nodes) {
        if (std::ranges::find(node.outputs, wanted) != node.outputs.end() && !node.name.empty()) {
            names.push_back(node.name);
        }
    }
    for (const std::string& layer : net.getLayerNames()) {
        for (const std::string& name : names) {
            if (is_called(layer, name)) {
                return layer;
            }
        }
    }
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: has no tensor '{}': name another feature tensor, or leave it "
                            "out for the input of the last fully connected layer",
                            file, wanted));
}

std::string last_dense_input(cv::dnn::Net& net, const std::string& file) {
    const auto layers = net.getLayerNames();
    for (auto name = layers.rbegin(); name != layers.rend(); ++name) {
        const int id = net.getLayerId(*name);
        const cv::Ptr<cv::dnn::Layer> layer = net.getLayer(id);
        if ((layer->type == "InnerProduct" || layer->type == "MatMul") && !layer->blobs.empty()) {
            const auto inputs = net.getLayerInputs(id);
            if (!inputs.empty() && !inputs.front()->name.empty()) {
                return inputs.front()->name;
            }
        }
    }
    throw Error(ErrorCode::bad_input,
                fmt::format("{}: has no fully connected layer whose input could be the features: "
                            "name a feature tensor",
                            file));
}

std::string digest(std::span<const std::uint8_t> bytes, const NetworkDescription& description,
                   const InputSize& size, const std::string& layer) {
    const std::string how =
        fmt::format("{} {} {} {} {} {} {}", size.height, size.width,
                    static_cast<int>(description.channels), static_cast<int>(description.resize),
                    fmt::join(description.mean, " "), fmt::join(description.scale, " "), layer);
    Sha256 hash;
    hash.update(bytes);
    hash.update({reinterpret_cast<const std::uint8_t*>(how.data()), how.size()});
    return to_hex(hash.finish());
}

}  // namespace

struct Cnn::State {
    NetworkDescription description;
    InputSize size;
    std::string layer, fingerprint;
    Eigen::Index dimension = 0;
    std::vector<std::uint8_t> bytes;  // for more copies of the network
    std::mutex mutex;
    std::vector<cv::dnn::Net> idle;

    cv::dnn::Net load() const {
        return cv::dnn::readNetFromONNX(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    cv::dnn::Net take() {
        {
            const std::lock_guard guard(mutex);
            if (!idle.empty()) {
                cv::dnn::Net net = idle.back();
                idle.pop_back();
                return net;
            }
        }
        return load();
    }
    void give_back(const cv::dnn::Net& net) {
        const std::lock_guard guard(mutex);
        idle.push_back(net);
    }

    // Means over positions of what comes out for one picture.
    std::vector<float> features(cv::dnn::Net& net, const Image& image) const {
        net.setInput(network_input(image, description, size.height, size.width));
        const cv::Mat result = net.forward(layer);
        require(result.dims >= 2 && result.size[0] == 1 && result.isContinuous() &&
                    result.type() == CV_32F,
                ErrorCode::bad_input,
                "the features of one image are no row of numbers: name another feature tensor");
        const auto positions =
            result.dims > 2 ? result.total() / static_cast<std::size_t>(result.size[1]) : 1;
        std::vector<float> row(result.total() / positions);
        const auto* values = result.ptr<float>();
        for (std::size_t i = 0; i < row.size(); ++i) {
            double sum = 0;
            for (std::size_t j = 0; j < positions; ++j) {
                sum += values[i * positions + j];
            }
            row[i] = static_cast<float>(sum / static_cast<double>(positions));
        }
        return row;
    }
};

Cnn::Cnn(std::unique_ptr<State> state) : state_(std::move(state)) {}
Cnn::~Cnn() = default;
Cnn::Cnn(Cnn&& other) noexcept = default;

Eigen::Index Cnn::dimension() const noexcept {
    return state_->dimension;
}
int Cnn::input_height() const noexcept {
    return state_->size.height;
}
int Cnn::input_width() const noexcept {
    return state_->size.width;
}
const std::string& Cnn::feature_layer() const noexcept {
    return state_->layer;
}
const std::string& Cnn::fingerprint() const noexcept {
    return state_->fingerprint;
}

Cnn Cnn::create(const std::filesystem::path& file, const NetworkDescription& description) {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    cv::setNumThreads(1);  // the threads are ours
    auto state = std::make_unique<State>();
    state->bytes = value_or_throw(read_file(file, max_file_bytes));
    const std::string name = file.string();
    const auto outline = read_onnx_outline(state->bytes);
    require(outline.has_value(), ErrorCode::bad_input, "{}: {}: give a CNN in ONNX format", name,
            outline ? std::string() : outline.error().message);
    state->description = description;
    state->size = check_input(*outline, description, name);
    try {
        cv::dnn::Net net = state->load();
        state->layer = description.feature_tensor.empty()
                           ? last_dense_input(net, name)
                           : named_layer(net, *outline, description.feature_tensor, name);
        const Image grey{1, 1, 1, {128}};
        state->dimension = static_cast<Eigen::Index>(state->features(net, grey).size());
        if (description.feature_tensor.empty()) {
            // An input of a wrong size may show only in the fully connected layer.
            static_cast<void>(net.forward());
        }
        state->give_back(net);
    } catch (const cv::Exception& error) {
        throw Error(ErrorCode::bad_input, fmt::format("{}: {} (input {} x {})", name, reason(error),
                                                      state->size.height, state->size.width));
    }
    state->fingerprint = digest(state->bytes, description, state->size, state->layer);
    return Cnn(std::move(state));
}

RowMatrixF32 Cnn::run(std::size_t count, const std::function<Image(std::size_t)>& load) const {
    RowMatrixF32 result(static_cast<Eigen::Index>(count), dimension());
    try {
        parallel_for(0, count, [&](std::size_t i) {
            const Image image = load(i);
            cv::dnn::Net net = state_->take();
            const std::vector<float> row = state_->features(net, image);
            state_->give_back(net);
            result.row(static_cast<Eigen::Index>(i)) =
                Eigen::Map<const Eigen::RowVectorXf>(row.data(), dimension());
        });
    } catch (const cv::Exception& error) {
        throw Error(ErrorCode::bad_input, reason(error));
    }
    return result;
}

}  // namespace cipherfit
