// The matrix layouts of the training, and their encrypted products.
#include "cipherfit/circuit/evaluator_operations.h"
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/linalg/lane_layout.h"
#include "cipherfit/linalg/matrix_products.h"
#include "ciphertexts.h"

#include <algorithm>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <utility>

namespace cipherfit::python {
namespace {

using Vectors = std::vector<std::vector<double>>;

MatrixView view_of(const Rows& matrix, std::size_t rows, std::size_t columns, const char* what) {
    require(matrix.shape(0) == rows && matrix.shape(1) == columns, ErrorCode::invalid_argument,
            "{} has {} x {} entries, the layout is for {} x {}", what, matrix.shape(0),
            matrix.shape(1), rows, columns);
    return {matrix.data(), rows, columns};
}

OutRows stack(const Vectors& blocks) {
    RowMatrix result(static_cast<Eigen::Index>(blocks.size()),
                     static_cast<Eigen::Index>(blocks.front().size()));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        result.row(static_cast<Eigen::Index>(i)) = Eigen::Map<const Eigen::RowVectorXd>(
            blocks[i].data(), static_cast<Eigen::Index>(blocks[i].size()));
    }
    return to_numpy(std::move(result));
}

Vectors rows_of(const Rows& blocks, std::size_t slots) {
    require(blocks.shape(1) == slots, ErrorCode::invalid_argument,
            "blocks of {} values were given, the layout has {} slots", blocks.shape(1), slots);
    Vectors result;
    for (std::size_t i = 0; i < blocks.shape(0); ++i) {
        const double* row = blocks.data() + i * slots;
        result.emplace_back(row, row + slots);
    }
    return result;
}

OutRows matrix_from(const std::vector<double>& values, std::size_t rows, std::size_t columns) {
    return to_numpy(RowMatrix(Eigen::Map<const RowMatrix>(
        values.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns))));
}

// One shift each, without babies: the fewest keys.
constexpr ShiftPlan plain_shifts{};

ProductLevels levels_at(std::size_t level) {
    const std::size_t after = level == 0 ? 0 : level - 1;
    return {
        .features = level, .forward = level, .fold = after, .replicate = level, .backward = level};
}

// Steps of the rotations that the products at a level take.
std::vector<std::int64_t> rotations_of(const LaneLayout& layout, std::size_t level) {
    std::vector<std::int64_t> steps;
    const KeyRequest request = EncryptedFeatures::keys(layout, plain_shifts, levels_at(level));
    for (const auto& [id, at] : request.levels()) {
        if (!id.is_relinearization()) {
            steps.push_back(static_cast<std::int64_t>(id.code));
        }
    }
    return steps;
}

// An encrypted matrix X, n x d, in the layout.
class EncryptedMatrix {
  public:
    EncryptedMatrix(const EvaluatorPointer& evaluator, const LaneLayout& layout,
                    const std::vector<const Encrypted*>& blocks)
        : box_(evaluator), layout_(layout), operations_(evaluator->evaluator) {
        require(blocks.size() == layout.sample_blocks() * layout.feature_blocks(),
                ErrorCode::invalid_argument, "{} blocks were given, the layout has {}",
                blocks.size(), layout.sample_blocks() * layout.feature_blocks());
        std::vector<Handle> handles;
        for (const Encrypted* block : blocks) {
            kept_.push_back(block->shared());
            handles.push_back(Handle::borrow(*kept_.back()));
        }
        key_ = blocks.front()->key();
        features_ = std::make_unique<EncryptedFeatures>(operations_, layout_, plain_shifts,
                                                        std::move(handles), true);
    }

    // X U^T: a block of logits for each block of rows, one level lower.
    std::vector<Encrypted> multiply_model(const std::vector<const Encrypted*>& model) {
        require(model.size() == layout_.feature_blocks(), ErrorCode::invalid_argument,
                "a model of {} blocks was given, the layout has {}", model.size(),
                layout_.feature_blocks());
        const nb::gil_scoped_release released;
        std::vector<Encrypted> result;
        const std::vector<Handle> operands = borrowed(model);
        for (Handle& sum : features_->multiply_model(operands)) {
            result.push_back(made(
                EncryptedFeatures::fold_lanes(operations_, layout_, rescaled(std::move(sum)))));
        }
        return result;
    }

    // E^T X: blocks of a model, one level lower. Errors lie as logits do, the other slots 0.
    std::vector<Encrypted> multiply_errors(const std::vector<const Encrypted*>& errors) {
        require(errors.size() == layout_.sample_blocks(), ErrorCode::invalid_argument,
                "errors of {} blocks were given, the layout has {}", errors.size(),
                layout_.sample_blocks());
        const nb::gil_scoped_release released;
        std::vector<Handle> replicated;
        for (const Encrypted* block : errors) {
            replicated.push_back(EncryptedFeatures::replicate_lanes(
                operations_, layout_, Handle(block->ciphertext().copy())));
        }
        std::vector<Encrypted> result;
        for (Handle& sum : features_->multiply_errors(replicated)) {
            result.push_back(made(rescaled(std::move(sum))));
        }
        return result;
    }

  private:
    static std::vector<Handle> borrowed(const std::vector<const Encrypted*>& blocks) {
        std::vector<Handle> handles;
        for (const Encrypted* block : blocks) {
            handles.push_back(Handle::borrow(block->ciphertext()));
        }
        return handles;
    }
    Handle rescaled(Handle sum) {
        return sum.parts() == 3 ? operations_.relinearize_rescale(sum) : operations_.rescale(sum);
    }
    Encrypted made(Handle handle) { return {std::move(handle).release(), key_, box_}; }

    EvaluatorPointer box_;
    LaneLayout layout_;
    EvaluatorOperations operations_;
    std::vector<std::shared_ptr<const Ciphertext>> kept_;
    Digest key_{};
    std::unique_ptr<EncryptedFeatures> features_;
};

}  // namespace

void bind_layouts(nb::module_& module) {
    nb::module_ ckks = nb::cast<nb::module_>(module.attr("ckks"));
    nb::class_<LaneLayout>(
        ckks, "LaneLayout",
        "How matrices lie in slots, so that their products need no masks: docs/design/layout.md.")
        .def(
            "__init__",
            [](LaneLayout* self, const Parameters& parameters, std::size_t samples,
               std::size_t features, std::size_t classes, std::size_t lane) {
                if (lane == 0) {
                    const auto lanes = LaneLayout::possible_lanes(parameters.slots(), classes);
                    require(!lanes.empty(), ErrorCode::invalid_argument,
                            "no lane holds {} classes in {} slots", classes, parameters.slots());
                    lane = lanes.back();
                    for (const std::size_t candidate : lanes) {  // the least with one feature block
                        if (LaneLayout::create(parameters.slots(), candidate, samples, features,
                                               classes)
                                .feature_blocks() == 1) {
                            lane = candidate;
                            break;
                        }
                    }
                }
                new (self) LaneLayout(
                    LaneLayout::create(parameters.slots(), lane, samples, features, classes));
            },
            nb::arg("parameters"), nb::arg("samples"), nb::arg("features"), nb::arg("classes"),
            nb::arg("lane") = 0, "For X of samples x features and models of classes x features.")
        .def_prop_ro("lane", &LaneLayout::lane)
        .def_prop_ro("sample_blocks", &LaneLayout::sample_blocks)
        .def_prop_ro("feature_blocks", &LaneLayout::feature_blocks)
        .def("rotations", &rotations_of, nb::arg("level"),
             "Steps for SecretKey.evaluation_keys(): those of the products at that level.")
        .def(
            "pack_features",
            [](const LaneLayout& layout, const Rows& x) {
                const MatrixView view = view_of(x, layout.samples(), layout.features(), "X");
                Vectors blocks;
                for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
                    for (std::size_t b = 0; b < layout.feature_blocks(); ++b) {
                        blocks.push_back(layout.pack_features(view, rho, b));
                    }
                }
                return stack(blocks);
            },
            nb::arg("x"), "A row of slots for every block of X.")
        .def(
            "pack_model",
            [](const LaneLayout& layout, const Rows& u) {
                const MatrixView view =
                    view_of(u, layout.classes(), layout.features(), "the model");
                Vectors blocks;
                for (std::size_t b = 0; b < layout.feature_blocks(); ++b) {
                    blocks.push_back(layout.pack_model(view, b));
                }
                return stack(blocks);
            },
            nb::arg("u"))
        .def(
            "pack_logits",
            [](const LaneLayout& layout, const Rows& z) {
                const MatrixView view =
                    view_of(z, layout.samples(), layout.classes(), "the matrix");
                Vectors blocks;
                for (std::size_t rho = 0; rho < layout.sample_blocks(); ++rho) {
                    blocks.push_back(layout.pack_logits(view, rho));
                }
                return stack(blocks);
            },
            nb::arg("z"))
        .def(
            "unpack_model",
            [](const LaneLayout& layout, const Rows& blocks) {
                return matrix_from(layout.unpack_model(rows_of(blocks, layout.slots())),
                                   layout.classes(), layout.features());
            },
            nb::arg("blocks"))
        .def(
            "unpack_logits",
            [](const LaneLayout& layout, const Rows& blocks) {
                return matrix_from(layout.unpack_logits(rows_of(blocks, layout.slots())),
                                   layout.samples(), layout.classes());
            },
            nb::arg("blocks"));
    nb::class_<EncryptedMatrix>(ckks, "EncryptedMatrix",
                                "An encrypted X, to be multiplied by encrypted models and errors.")
        .def(nb::init<const EvaluatorPointer&, const LaneLayout&,
                      const std::vector<const Encrypted*>&>(),
             nb::arg("evaluator"), nb::arg("layout"), nb::arg("blocks"))
        .def("multiply_model", &EncryptedMatrix::multiply_model, nb::arg("model"),
             "X U^T in the layout of logits; takes a level.")
        .def("multiply_errors", &EncryptedMatrix::multiply_errors, nb::arg("errors"),
             "E^T X in the layout of a model, for E in the layout of logits; takes a level.");
}

}  // namespace cipherfit::python
