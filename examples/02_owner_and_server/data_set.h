// A small synthetic data set: three classes of points, a normal cloud around a centre each.
#pragma once

#include "cipherfit/train/preprocess.h"

#include <vector>

struct DataSet {
    cipherfit::RowMatrix features;  // a row a sample
    std::vector<int> labels;        // 0, 1 or 2
};

constexpr int data_classes = 3;

// The same seed gives the same samples; different seeds share the centres.
DataSet make_data_set(int samples, unsigned seed);
