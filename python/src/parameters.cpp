// cipherfit.ckks: parameters.
#include "cipherfit/rlwe/parameters.h"

#include "bindings.h"
#include "slots.h"

#include <algorithm>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <vector>

namespace cipherfit::python {
namespace {

std::string describe(const Parameters& p) {
    return fmt::format(
        "Parameters(ring 2^{}, {} slots, {} levels, log2(QP) = {:.0f} of at most "
        "{:.0f}, {}-bit security)",
        p.log_n(), p.slots(), p.max_level(), p.log_qp(),
        p.insecure_for_tests_only() ? 0.0 : largest_secure_log_qp(p.log_n()), p.security_bits());
}

}  // namespace

void bind_parameters(nb::module_& module) {
    nb::class_<Parameters>(module, "Parameters",
                           "A ring and its chain of primes: immutable, at least 128-bit secure.")
        .def(
            "__init__",
            [](Parameters* self, unsigned log_n, const std::vector<unsigned>& q_bits,
               const std::vector<unsigned>& p_bits, unsigned digits, bool insecure) {
                new (self) Parameters(
                    Parameters::create(ParametersLiteral{log_n, q_bits, p_bits, digits, insecure}));
            },
            nb::arg("log_n"), nb::arg("q_bits"), nb::arg("p_bits"), nb::arg("digits") = 1,
            nb::arg("insecure_for_tests_only") = false,
            "Primes of these sizes. Raises InputError for parameters below 128-bit security.")
        .def_prop_ro("log_n", &Parameters::log_n)
        .def_prop_ro("slots", &Parameters::slots, "Numbers in a ciphertext.")
        .def_prop_ro("max_level", &Parameters::max_level, "Rescalings that there are.")
        .def_prop_ro("log_qp", &Parameters::log_qp)
        .def_prop_ro("security_bits", &Parameters::security_bits)
        .def_prop_ro("default_scale", &default_scale, "Of fresh ciphertexts.")
        .def("q", &Parameters::q, nb::arg("index"),
             "The prime that rescaling at a level divides by.")
        .def("__eq__", [](const Parameters& a, const Parameters& b) { return a == b; })
        .def("__hash__",
             [](const Parameters& p) {
                 std::size_t hash = 0;
                 std::copy_n(p.fingerprint().begin(), sizeof(hash),
                             reinterpret_cast<std::uint8_t*>(&hash));
                 return hash;
             })
        .def("__getstate__",
             [](const Parameters& p) {
                 const auto bytes = p.to_bytes();
                 return nb::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
             })
        .def("__setstate__",
             [](Parameters& self, const nb::bytes& bytes) {
                 new (&self) Parameters(value_or_throw(Parameters::from_bytes(
                     {static_cast<const std::uint8_t*>(bytes.data()), bytes.size()})));
             })
        .def("__repr__", &describe);
}

}  // namespace cipherfit::python
