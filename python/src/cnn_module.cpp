// The extension cipherfit._cnn: features of pictures by a network, as `cipherfit extract` makes
// them.
#include "backbone/cnn/cnn.h"
#include "bindings.h"
#include "cipherfit/io/file.h"
#include "long_call.h"

#include <algorithm>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit::python {
namespace {

using Pixels = nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>;
constexpr std::size_t piece = 32;  // pictures between two looks at a stop

Image image_of(const Pixels& pixels) {
    require(pixels.ndim() == 2 ||
                (pixels.ndim() == 3 && (pixels.shape(2) == 1 || pixels.shape(2) == 3)),
            ErrorCode::invalid_argument,
            "a picture has height x width, or height x width x 3 pixels (red, green, blue), of "
            "type uint8: give such arrays");
    Image image;
    image.height = static_cast<int>(pixels.shape(0));
    image.width = static_cast<int>(pixels.shape(1));
    image.channels = pixels.ndim() == 2 ? 1 : static_cast<int>(pixels.shape(2));
    image.pixels.assign(pixels.data(), pixels.data() + image.size());
    return image;
}

// The file's picture, or an error that names it.
Image read_picture(const std::string& path) {
    constexpr std::size_t largest = std::size_t{1} << 30U;
    const auto bytes = value_or_throw(read_file(path, largest));
    auto image = decode_image(bytes);
    require(image.has_value(), ErrorCode::bad_input, "{}: {}", path,
            image ? std::string() : image.error().message);
    return std::move(*image);
}

nb::ndarray<nb::numpy, float, nb::ndim<2>> run(const Cnn& network, std::size_t count,
                                               const std::function<Image(std::size_t)>& load,
                                               const nb::object& report) {
    auto features =
        std::make_unique<RowMatrixF32>(static_cast<Eigen::Index>(count), network.dimension());
    run_long(report, [&](Watch& watch) {
        watch.phase("network");
        for (std::size_t first = 0; first < count; first += piece) {
            const std::size_t rows = std::min(piece, count - first);
            features->middleRows(static_cast<Eigen::Index>(first),
                                 static_cast<Eigen::Index>(rows)) =
                network.run(rows, [&](std::size_t i) { return load(first + i); });
            watch.progress(static_cast<double>(first + rows) / static_cast<double>(count), "");
        }
    });
    RowMatrixF32* raw = features.get();
    const nb::capsule owner(features.release(), [](void* held) noexcept {
        std::unique_ptr<RowMatrixF32>(static_cast<RowMatrixF32*>(held));
    });
    return {raw->data(),
            {static_cast<std::size_t>(raw->rows()), static_cast<std::size_t>(raw->cols())},
            owner};
}

Cnn open(const std::string& file, const std::string& description) {
    const nlohmann::json parsed = nlohmann::json::parse(description, nullptr, false);
    require(!parsed.is_discarded(), ErrorCode::invalid_argument, "the description is no JSON");
    return Cnn::create(file, value_or_throw(network_description_from_json(parsed)));
}

Cnn open_with_file(const std::string& file, const std::string& description) {
    return Cnn::create(file, value_or_throw(read_network_description(description)));
}

}  // namespace
}  // namespace cipherfit::python

NB_MODULE(_cnn, module) {
    using namespace cipherfit;
    using namespace cipherfit::python;
    module.doc() = "Networks that turn pictures into features. Use cipherfit.CnnFeatures.";
    translate_errors();
    nb::class_<Cnn>(module, "Network", "A network from an ONNX file.")
        .def_prop_ro("dimension", &Cnn::dimension)
        .def_prop_ro("feature_layer", &Cnn::feature_layer)
        .def_prop_ro("fingerprint", &Cnn::fingerprint)
        .def(
            "run",
            [](const Cnn& network, const std::vector<Pixels>& pictures, const nb::object& report) {
                std::vector<Image> images;
                for (const Pixels& pixels : pictures) {
                    images.push_back(image_of(pixels));
                }
                return run(
                    network, images.size(), [&](std::size_t i) { return images[i]; }, report);
            },
            nb::arg("pictures"), nb::arg("report") = nb::none())
        .def(
            "run_files",
            [](const Cnn& network, const std::vector<std::string>& files,
               const nb::object& report) {
                return run(
                    network, files.size(), [&](std::size_t i) { return read_picture(files[i]); },
                    report);
            },
            nb::arg("files"), nb::arg("report") = nb::none());
    module.def("open", &open, nb::arg("file"), nb::arg("description"));
    module.def("open_with_file", &open_with_file, nb::arg("file"), nb::arg("description"));
}
