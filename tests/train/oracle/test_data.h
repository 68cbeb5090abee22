// Data for the tests of training in the clear: seeded synthetic features and, where it is at hand,
// the public CSV of RegNetX-400MF features of the first 256 MNIST training images.
#pragma once

#include "cipherfit/train/owner/preprocess.h"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace cipherfit::test {

// Not from __FILE__, which compiler caches may make relative to the build directory.
inline std::filesystem::path oracle_directory() {
    return std::filesystem::path(CIPHERFIT_TEST_SOURCES) / "train/oracle";
}

struct Dataset {
    RowMatrix features;
    std::vector<int> labels;
    int classes = 0;
};

// Non-negative features (as after a rectifier) around one centre a class. `spread` of the
// noise relative to the centres.
inline Dataset synthetic(int n, int features, int classes, double spread, std::uint32_t seed) {
    std::mt19937 engine(seed);
    const auto uniform = [&engine] { return static_cast<double>(engine()) * 0x1p-32; };
    RowMatrix centres(classes, features);
    for (double& value : centres.reshaped()) {
        value = uniform();
    }
    Dataset data{RowMatrix(n, features), {}, classes};
    for (int i = 0; i < n; ++i) {
        const int label = i < classes ? i : static_cast<int>(engine() % classes);
        data.labels.push_back(label);
        for (int j = 0; j < features; ++j) {
            const double value = centres(label, j) + spread * (2.0 * uniform() - 1.0);
            data.features(i, j) = value > 0.0 ? value : 0.0;
        }
    }
    return data;
}

inline Dataset rows(const Dataset& all, int begin, int count) {
    return {all.features.middleRows(begin, count),
            {all.labels.begin() + begin, all.labels.begin() + begin + count},
            all.classes};
}

// Looked for in $CIPHERFIT_SHARED_DATA, then in ../shared/data beside the source tree.
inline std::optional<Dataset> shared_csv() {
    const char* given = std::getenv("CIPHERFIT_SHARED_DATA");
    const std::filesystem::path directory = given != nullptr
                                                ? std::filesystem::path(given)
                                                : oracle_directory() / "../../../../shared/data";
    std::ifstream file(directory / "regnetx400mf_mnist_train_0_255.csv");
    if (!file) {
        return std::nullopt;
    }
    Dataset data{RowMatrix(256, 400), {}, 10};
    std::string line;
    for (int i = 0; i < 256 && std::getline(file, line); ++i) {
        std::istringstream cells(line);
        std::string cell;
        for (int j = -1; j < 400 && std::getline(cells, cell, ','); ++j) {
            const double value = std::stod(cell);
            if (j < 0) {
                data.labels.push_back(static_cast<int>(value));
            } else {
                data.features(i, j) = value;
            }
        }
    }
    return data.labels.size() == 256 ? std::optional(data) : std::nullopt;
}

inline constexpr const char* no_shared_csv =
    "regnetx400mf_mnist_train_0_255.csv is not at hand; set CIPHERFIT_SHARED_DATA to its folder";

}  // namespace cipherfit::test
