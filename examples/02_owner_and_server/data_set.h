// A small synthetic data set: three classes of points, a normal cloud around a centre each.
#pragma once

#include "cipherfit/io/dataset.h"

// The same seed gives the same samples; different seeds share the centres.
cipherfit::Dataset make_data_set(int samples, unsigned seed);
