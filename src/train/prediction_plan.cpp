// PredictionPlan: ring, layout and shifts for scores under encryption.
#include "cipherfit/linalg/plain_model_product.h"
#include "cipherfit/train/encrypted_predictor.h"
#include "cipherfit/train/operation_noise.h"

#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr unsigned scale_bits = 38;
constexpr unsigned last_prime_bits = 50;
constexpr unsigned smallest_prediction_log_n = 13;
constexpr unsigned largest_log_n = 17;
constexpr std::size_t most_samples = std::size_t{1} << 24U;
constexpr std::size_t most_features = std::size_t{1} << 20U;
constexpr std::size_t most_classes = 128;

// A digit a prime, and special primes of together 54 bits to cover the largest.
Parameters ring(unsigned log_n, bool for_tests) {
    return Parameters::create({.log_n = log_n,
                               .q_bits = {last_prime_bits, scale_bits},
                               .p_bits = {27, 27},
                               .digits = 2,
                               .insecure_for_tests_only = for_tests});
}

// Key switches of all sample blocks with G babies.
double switches(const LaneLayout& layout, bool encrypted_model, std::size_t babies) {
    const auto c = static_cast<double>(layout.padded_classes());
    const auto g = static_cast<double>(babies);
    const auto rho = static_cast<double>(layout.sample_blocks());
    const auto b = static_cast<double>(layout.feature_blocks());
    const double fold = rho * std::log2(static_cast<double>(layout.lane()) / c);
    // A product costs about a tenth of a key switch.
    const double products = 0.1 * c * rho * b;
    return fold + products +
           (encrypted_model ? rho * b * (g - 1) + b * c + rho * (2 * c / g - 1) : rho * (c - 1));
}

struct Choice {
    LaneLayout layout;
    ShiftPlan shifts;
};

std::optional<Choice> choose_layout(const PredictionShape& shape, std::size_t slots) {
    std::optional<Choice> best;
    double least = std::numeric_limits<double>::infinity();
    for (const std::size_t lane : LaneLayout::possible_lanes(slots, shape.classes)) {
        const LaneLayout layout =
            LaneLayout::create(slots, lane, shape.samples, shape.features, shape.classes);
        const std::size_t most = shape.encrypted_model ? layout.padded_classes() : 1;
        for (std::size_t babies = 1; babies <= most; babies *= 2) {
            const double work = switches(layout, shape.encrypted_model, babies);
            if (work < least) {
                least = work;
                best = Choice{layout, {.forward_baby = babies, .backward_baby = 1, .inner = 1}};
            }
        }
    }
    return best;
}

}  // namespace

PredictionPlan::PredictionPlan(const PredictionShape& shape, unsigned test_log_n,
                               Parameters parameters, const LaneLayout& layout,
                               const ShiftPlan& shifts)
    : shape_(shape),
      test_log_n_(test_log_n),
      parameters_(std::move(parameters)),
      layout_(layout),
      shifts_(shifts) {}

PredictionPlan PredictionPlan::create(const PredictionShape& shape, unsigned test_log_n) {
    require(shape.samples >= 1 && shape.samples <= most_samples, ErrorCode::bad_input,
            "{} rows cannot be scored at once: give 1 to {}", shape.samples, most_samples);
    require(shape.features >= 2 && shape.features <= most_features, ErrorCode::bad_input,
            "{} features cannot be scored: give 1 to {}", shape.features - 1, most_features - 1);
    require(shape.classes >= 2 && shape.classes <= most_classes, ErrorCode::bad_input,
            "a model of {} classes cannot be used under encryption: 2 to {} can", shape.classes,
            most_classes);
    const unsigned first = test_log_n != 0 ? test_log_n : smallest_prediction_log_n;
    const unsigned last = test_log_n != 0 ? test_log_n : largest_log_n;
    for (unsigned log_n = first; log_n <= last; ++log_n) {
        if (const auto found = choose_layout(shape, std::size_t{1} << (log_n - 1))) {
            return {shape, test_log_n, ring(log_n, test_log_n != 0), found->layout, found->shifts};
        }
    }
    throw Error(ErrorCode::bad_input,
                fmt::format("no ring of N = 2^{} holds {} classes", last, shape.classes));
}

double PredictionPlan::scale() const noexcept {
    return std::ldexp(1.0, scale_bits);
}

double PredictionPlan::score_scale() const noexcept {
    return scale() * scale() / static_cast<double>(parameters_.q(1));
}

KeyRequest PredictionPlan::keys() const {
    if (!shape_.encrypted_model) {
        return plain_model_keys(layout_, level(), 0);
    }
    return EncryptedFeatures::keys(layout_, shifts_,
                                   {.features = level(),
                                    .forward = level(),
                                    .fold = 0,
                                    .uses_forward = true,
                                    .uses_backward = false});
}

std::size_t PredictionPlan::row_ciphertexts() const noexcept {
    return layout_.sample_blocks() * layout_.feature_blocks();
}

std::size_t PredictionPlan::model_ciphertexts() const noexcept {
    return shape_.encrypted_model ? layout_.feature_blocks() : 0;
}

double PredictionPlan::memory_bytes() const {
    const double ciphertext = 2.0 * 2 * 8 * static_cast<double>(parameters_.n());
    double keys_bytes = 0;
    const KeyRequest request = keys();
    for (const auto& [id, at] : request.levels()) {
        keys_bytes += static_cast<double>(switching_key_memory_bytes(parameters_, at));
    }
    // Rows with their babies; sums of size 3 and their results; rotations of the model.
    const auto rows = static_cast<double>(row_ciphertexts());
    const auto outputs = static_cast<double>(score_ciphertexts());
    return keys_bytes +
           ciphertext * (rows * static_cast<double>(shifts_.forward_baby) + 4 * outputs + 64);
}

double PredictionPlan::score_error() const {
    const auto square = [](double x) { return x * x; };
    const double fresh = square(fresh_error(parameters_, scale()));
    const double switching = square(switching_error(parameters_, scale()));
    const bool encrypted = shape_.encrypted_model;
    const double x = fresh + static_cast<double>(shifts_.forward_baby - 1) * switching;
    const double w =
        encrypted ? fresh + switching : static_cast<double>(parameters_.n()) / 12 / square(scale());
    const auto columns = static_cast<double>(layout_.lane() * layout_.feature_blocks());
    const double product =
        columns * square(largest_weight) * x + square(largest_row_norm) * w + columns * x * w;
    // Relinearisations and rotations of sums, at the product's scale.
    const double giants = 2 * static_cast<double>(layout_.padded_classes()) *
                          square(switching_error(parameters_, scale() * scale()));
    const double folded =
        static_cast<double>(layout_.lane()) / static_cast<double>(layout_.padded_classes());
    return std::sqrt(product +
                     folded * (giants + square(rounding_error(parameters_, score_scale())) +
                               square(switching_error(parameters_, score_scale()))));
}

Digest PredictionPlan::hash() const {
    const std::string text = to_json().dump();
    return sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

nlohmann::json PredictionPlan::to_json() const {
    return {{"format", 1},
            {"samples", shape_.samples},
            {"features", shape_.features},
            {"classes", shape_.classes},
            {"encrypted_model", shape_.encrypted_model},
            {"log_n", parameters_.log_n()},
            {"lane", layout_.lane()},
            {"forward_baby", shifts_.forward_baby},
            {"test_log_n", test_log_n_}};
}

Expected<PredictionPlan> PredictionPlan::from_json(const nlohmann::json& json) {
    const auto refuse = [](const std::string& why) {
        return make_error(ErrorCode::corrupt_data, "the prediction plan {}", why);
    };
    try {
        for (const char* member : {"samples", "features", "classes", "test_log_n"}) {
            if (!json.at(member).is_number_unsigned()) {
                return refuse(fmt::format("has no whole number \"{}\"", member));
            }
        }
        const unsigned test_log_n = json.at("test_log_n").get<unsigned>();
        if (test_log_n != 0 && (test_log_n < 5 || test_log_n > largest_log_n)) {
            return refuse("is for a ring of another size");
        }
        PredictionPlan plan =
            create({json.at("samples").get<std::size_t>(), json.at("features").get<std::size_t>(),
                    json.at("classes").get<std::size_t>(), json.at("encrypted_model").get<bool>()},
                   test_log_n);
        if (plan.to_json() != json) {
            return refuse("is not the one of its sizes");
        }
        return plan;
    } catch (const nlohmann::json::exception&) {
        return refuse("lacks a member, or one is of a wrong type");
    } catch (const Error& error) {
        return refuse(fmt::format("is no such plan: {}", error.what()));
    }
}

}  // namespace cipherfit
