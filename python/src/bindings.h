// What the parts of cipherfit._core have in common.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/matrix.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <span>
#include <vector>

namespace cipherfit::python {

namespace nb = nanobind;

// Rows of numbers as NumPy holds them. `nb::arg().noconvert()` is not used: what has another type
// or order is copied by NumPy first.
using Rows = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Labels = nb::ndarray<const int, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutRows = nb::ndarray<nb::numpy, double, nb::ndim<2>>;
using OutNumbers = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

// cipherfit.Error and its kinds, from the C++ exception.
void translate_errors();

RowMatrix matrix_of(const Rows& rows);
// Hands the matrix over to NumPy without a copy.
OutRows to_numpy(RowMatrix matrix);
OutNumbers to_numpy(std::vector<double> numbers);

void bind_training(nb::module_& module);
void bind_features(nb::module_& module);
void bind_ckks(nb::module_& module);
void bind_parameters(nb::module_& ckks);
void bind_keys(nb::module_& ckks);
void bind_polynomials(nb::module_& ckks);
void bind_ciphertexts(nb::module_& ckks);
void bind_evaluator(nb::module_& ckks);
void bind_layouts(nb::module_& module);
void bind_several_owners(nb::module_& module);

}  // namespace cipherfit::python
