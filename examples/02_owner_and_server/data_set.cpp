#include "data_set.h"

#include <random>

DataSet make_data_set(int samples, unsigned seed) {
    constexpr int features = 12;
    std::mt19937_64 shared(7);
    std::normal_distribution<double> normal;
    cipherfit::RowMatrix centres(data_classes, features);
    for (double& value : centres.reshaped()) {
        value = normal(shared);
    }
    std::mt19937_64 random(seed);
    DataSet data{.features = cipherfit::RowMatrix(samples, features), .labels = {}};
    for (int i = 0; i < samples; ++i) {
        data.labels.push_back(i % data_classes);
        for (int j = 0; j < features; ++j) {
            data.features(i, j) = centres(i % data_classes, j) + 1.5 * normal(random);
        }
    }
    return data;
}
