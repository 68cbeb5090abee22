#include "data_set.h"

#include <random>

cipherfit::Dataset make_data_set(int samples, unsigned seed) {
    constexpr int features = 12;
    constexpr int classes = 3;
    std::mt19937_64 shared(7);
    std::normal_distribution<double> normal;
    cipherfit::RowMatrix centres(classes, features);
    for (double& value : centres.reshaped()) {
        value = normal(shared);
    }
    std::mt19937_64 random(seed);
    cipherfit::Dataset data;
    data.features.resize(samples, features);
    data.class_names = {"0", "1", "2"};
    for (int i = 0; i < samples; ++i) {
        data.labels.push_back(i % classes);
        for (int j = 0; j < features; ++j) {
            data.features(i, j) = centres(i % classes, j) + 1.5 * normal(random);
        }
    }
    return data;
}
