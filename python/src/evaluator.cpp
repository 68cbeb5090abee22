// cipherfit.ckks: evaluators, polynomials, and files of ciphertexts.
#include "cipherfit/ckks/polynomial.h"
#include "cipherfit/protocol/ciphertext_files.h"
#include "ciphertexts.h"

#include <filesystem>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/vector.h>
#include <utility>
#include <vector>

namespace cipherfit::python {

void bind_polynomials(nb::module_& module) {
    nb::class_<Polynomial>(module, "Polynomial", "A polynomial for Ciphertext.evaluate().")
        .def(
            "__init__",
            [](Polynomial* self, const std::vector<double>& coefficients) {
                new (self) Polynomial{PolynomialBasis::monomial, coefficients};
            },
            nb::arg("coefficients"), "sum_k c_k x^k, c_0 first.")
        .def_static(
            "fit",
            [](const nb::callable& function, double a, double b, std::size_t degree) {
                return chebyshev_fit([&](double x) { return nb::cast<double>(function(x)); }, a, b,
                                     degree);
            },
            nb::arg("function"), nb::arg("a"), nb::arg("b"), nb::arg("degree"),
            "Interpolates a function of one number on [a, b] at Chebyshev's nodes.")
        .def_prop_ro("degree", &Polynomial::degree)
        .def_prop_ro(
            "depth", [](const Polynomial& p) { return polynomial_depth(p); },
            "Levels that evaluation takes.")
        .def("__call__", [](const Polynomial& p, double x) { return p(x); }, nb::arg("x"));
}

void bind_evaluator(nb::module_& module) {
    nb::class_<EvaluatorBox>(
        module, "Evaluator",
        "Computes on ciphertexts with the keys of their owner; needs no secret.")
        .def(
            "__init__",
            [](EvaluatorBox* self, const std::shared_ptr<KeyBox>& keys) {
                new (self) EvaluatorBox(keys);
            },
            nb::arg("keys"))
        .def_prop_ro("parameters",
                     [](const EvaluatorBox& box) { return box.evaluator.parameters(); })
        .def(
            "use",
            [](const EvaluatorPointer& box, const Encrypted& x) {
                return Encrypted(x.shared(), x.key(), box);
            },
            nb::arg("ciphertext"), "The ciphertext with operators that compute by this evaluator.")
        .def(
            "read",
            [](const EvaluatorPointer& box, const std::filesystem::path& file) {
                CiphertextFile read = [&file] {
                    const nb::gil_scoped_release released;
                    return value_or_throw(read_ciphertexts(file));
                }();
                require(read.parameters == box->evaluator.parameters() && read.key == box->keys->id,
                        ErrorCode::fingerprint_mismatch,
                        "{}: made under other parameters or another key than the evaluator's",
                        file.string());
                std::vector<Encrypted> list;
                for (Ciphertext& ciphertext : read.ciphertexts) {
                    list.emplace_back(std::move(ciphertext), read.key, box);
                }
                return list;
            },
            nb::arg("file"), "The ciphertexts of a file, ready to compute with.");
    module.def(
        "write",
        [](const std::filesystem::path& file, const Parameters& parameters,
           const std::vector<const Encrypted*>& list) {
            require(!list.empty(), ErrorCode::invalid_argument,
                    "write: give a ciphertext at least");
            std::vector<const Ciphertext*> ciphertexts;
            for (const Encrypted* x : list) {
                require(x->key() == list.front()->key(), ErrorCode::fingerprint_mismatch,
                        "write: the ciphertexts are under several keys: write a file for each");
                ciphertexts.push_back(&x->ciphertext());
            }
            const nb::gil_scoped_release released;
            value_or_throw(write_ciphertexts(file, parameters, list.front()->key(), ciphertexts));
        },
        nb::arg("file"), nb::arg("parameters"), nb::arg("ciphertexts"),
        "Writes ciphertexts of one key into a file.");
}

}  // namespace cipherfit::python
