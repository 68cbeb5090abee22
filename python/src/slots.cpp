#include "slots.h"

#include <cmath>
#include <nanobind/stl/complex.h>

namespace cipherfit::python {

Slots slots_of(const nb::handle& values) {
    const nb::module_ numpy = nb::module_::import_("numpy");
    const nb::object array = numpy.attr("atleast_1d")(values);
    require(nb::cast<int>(array.attr("ndim")) == 1, ErrorCode::invalid_argument,
            "the values of slots are a vector, but there are {} dimensions: encrypt row by row",
            nb::cast<int>(array.attr("ndim")));
    Slots slots;
    slots.is_complex = nb::cast<bool>(numpy.attr("iscomplexobj")(array));
    if (slots.is_complex) {
        const auto numbers =
            nb::cast<nb::ndarray<const std::complex<double>, nb::ndim<1>, nb::c_contig>>(
                numpy.attr("ascontiguousarray")(array, "complex128"));
        slots.complexes.assign(numbers.data(), numbers.data() + numbers.size());
    } else {
        const auto numbers = nb::cast<nb::ndarray<const double, nb::ndim<1>, nb::c_contig>>(
            numpy.attr("ascontiguousarray")(array, "float64"));
        slots.reals.assign(numbers.data(), numbers.data() + numbers.size());
    }
    return slots;
}

Plaintext encode(const Encoder& encoder, const Slots& slots, std::size_t level, double scale) {
    return slots.is_complex ? encoder.encode(slots.complexes, level, scale)
                            : encoder.encode(slots.reals, level, scale);
}

double default_scale(const Parameters& parameters) {
    const std::size_t top = parameters.max_level();
    return std::exp2(std::round(std::log2(static_cast<double>(parameters.q(top)))));
}

}  // namespace cipherfit::python
