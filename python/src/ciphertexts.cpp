// cipherfit.ckks: ciphertexts with operators.
#include "ciphertexts.h"

#include "cipherfit/ckks/polynomial.h"
#include "cipherfit/protocol/ciphertext_files.h"
#include "slots.h"

#include <cmath>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit::python {
namespace {

// A number, as opposed to an array: of Python or of NumPy.
std::optional<double> scalar_of(const nb::handle& value) {
    if (PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr()) ||
        (PyIndex_Check(value.ptr()) != 0 && !nb::hasattr(value, "ndim"))) {
        const double number = PyFloat_AsDouble(value.ptr());
        if (number == -1.0 && PyErr_Occurred() != nullptr) {
            throw nb::python_error();
        }
        return number;
    }
    if (nb::hasattr(value, "ndim") && nb::cast<int>(value.attr("ndim")) == 0 &&
        !nb::cast<bool>(nb::module_::import_("numpy").attr("iscomplexobj")(value))) {
        return nb::cast<double>(nb::float_(value));
    }
    return std::nullopt;
}

Encrypted add(const Encrypted& a, const nb::handle& b, bool subtract) {
    if (nb::isinstance<Encrypted>(b)) {
        const auto& other = nb::cast<const Encrypted&>(b);
        const EvaluatorBox& box = a.evaluator_with(other);
        const nb::gil_scoped_release released;
        return a.made(subtract ? box.evaluator.subtract(a.ciphertext(), other.ciphertext())
                               : box.evaluator.add(a.ciphertext(), other.ciphertext()),
                      other);
    }
    const EvaluatorBox& box = a.evaluator();
    if (const auto number = scalar_of(b)) {
        const nb::gil_scoped_release released;
        return a.made(box.evaluator.add_scalar(a.ciphertext(), subtract ? -*number : *number));
    }
    Slots slots = slots_of(b);
    const nb::gil_scoped_release released;
    if (subtract) {
        for (auto& value : slots.complexes) {
            value = -value;
        }
        for (double& value : slots.reals) {
            value = -value;
        }
    }
    const Ciphertext& at = a.ciphertext();
    return a.made(box.evaluator.add_plain(
        at, encode(box.evaluator.encoder(), slots, at.level(), at.scale())));
}

// One level. The scale stays exactly as it was, unless another is asked for.
Encrypted multiply_numbers(const Encrypted& a, const nb::handle& b, std::optional<double> scale) {
    const EvaluatorBox& box = a.evaluator();
    const Ciphertext& at = a.ciphertext();
    require(at.level() > 0, ErrorCode::level_exhausted,
            "multiply: a product with numbers takes a level, and none is left: use parameters with "
            "more levels");
    Slots slots;
    if (const auto number = scalar_of(b)) {
        slots.reals.assign(box.evaluator.parameters().slots(), *number);
    } else {
        slots = slots_of(b);
    }
    const nb::gil_scoped_release released;
    const double factor = scale.value_or(at.scale()) / at.scale();
    const Plaintext plain = encode(box.evaluator.encoder(), slots, at.level(),
                                   factor * box.evaluator.rescale_divisor(at.level()));
    return a.made(box.evaluator.rescale(box.evaluator.multiply_plain(at, plain)));
}

// One level.
Encrypted multiply(const Encrypted& a, const nb::handle& b) {
    if (!nb::isinstance<Encrypted>(b)) {
        return multiply_numbers(a, b, std::nullopt);
    }
    const auto& other = nb::cast<const Encrypted&>(b);
    const EvaluatorBox& box = a.evaluator_with(other);
    const nb::gil_scoped_release released;
    return a.made(box.evaluator.relinearize_rescale(
                      box.evaluator.multiply(a.ciphertext(), other.ciphertext())),
                  other);
}

Encrypted rotate(const Encrypted& a, std::int64_t steps) {
    const EvaluatorBox& box = a.evaluator();
    const nb::gil_scoped_release released;
    const auto slots = static_cast<std::int64_t>(box.evaluator.parameters().slots());
    return a.made(steps % slots == 0 ? a.ciphertext().copy()
                                     : box.evaluator.rotate(a.ciphertext(), steps));
}

nb::bytes bytes_of(const Encrypted& x, const Parameters& parameters) {
    std::vector<std::uint8_t> bytes;
    const Ciphertext* one = &x.ciphertext();
    value_or_throw(
        write_ciphertexts(Expected<std::unique_ptr<ByteSink>>(std::make_unique<MemorySink>(bytes)),
                          parameters, x.key(), {&one, 1}));
    return nb::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

void bind_ciphertexts(nb::module_& module) {
    auto type = nb::class_<Encrypted>(module, "Ciphertext", R"(An encrypted vector.

Operators with ciphertexts, arrays and numbers compute slot by slot: + and - cost no level, * costs
one; x << k and x >> k rotate. They need an evaluator: SecretKey.encrypt(..., evaluator=e) or e.use(x).)");
    type.def_prop_ro(
            "level", [](const Encrypted& x) { return x.ciphertext().level(); },
            "Rescalings that are left.")
        .def_prop_ro(
            "scale", [](const Encrypted& x) { return x.ciphertext().scale(); },
            "The factor by which numbers were multiplied before they were rounded.")
        .def_prop_ro("parts", [](const Encrypted& x) { return x.ciphertext().size(); })
        .def_prop_ro("nbytes", [](const Encrypted& x) { return x.ciphertext().bytes(); })
        .def(
            "__add__", [](const Encrypted& a, const nb::object& b) { return add(a, b, false); },
            nb::is_operator())
        .def(
            "__radd__", [](const Encrypted& a, const nb::object& b) { return add(a, b, false); },
            nb::is_operator())
        .def(
            "__sub__", [](const Encrypted& a, const nb::object& b) { return add(a, b, true); },
            nb::is_operator())
        .def(
            "__rsub__",
            [](const Encrypted& a, const nb::object& b) {
                return add(a.made(a.evaluator().evaluator.negate(a.ciphertext())), b, false);
            },
            nb::is_operator())
        .def("__neg__",
             [](const Encrypted& a) {
                 return a.made(a.evaluator().evaluator.negate(a.ciphertext()));
             })
        .def("__mul__", &multiply, nb::is_operator())
        .def("__rmul__", &multiply, nb::is_operator())
        .def("__lshift__", &rotate, nb::is_operator())
        .def(
            "__rshift__", [](const Encrypted& a, std::int64_t steps) { return rotate(a, -steps); },
            nb::is_operator())
        .def("times", &multiply_numbers, nb::arg("numbers"), nb::arg("scale") = nb::none(),
             "The product with a number or an array, at a scale that is asked for, as that of a "
             "ciphertext to add it to; takes a level.")
        .def("rotate", &rotate, nb::arg("steps"), "Slot j takes the value of slot j + steps.")
        .def(
            "conjugate",
            [](const Encrypted& a) {
                const EvaluatorBox& box = a.evaluator();
                const nb::gil_scoped_release released;
                return a.made(box.evaluator.conjugate(a.ciphertext()));
            },
            "The complex conjugate of every slot.")
        .def(
            "sum_of_rotations",
            [](const Encrypted& a, const std::vector<std::int64_t>& steps) {
                const EvaluatorBox& box = a.evaluator();
                const nb::gil_scoped_release released;
                return a.made(box.evaluator.sum_of_rotations(a.ciphertext(), steps));
            },
            nb::arg("steps"),
            "The sum of the rotations by these steps; 0 is the ciphertext itself.")
        .def(
            "evaluate",
            [](const Encrypted& a, const Polynomial& polynomial, std::optional<double> scale) {
                const EvaluatorBox& box = a.evaluator();
                const nb::gil_scoped_release released;
                return a.made(
                    evaluate_polynomial(box.evaluator, polynomial, a.ciphertext(),
                                        scale.value_or(default_scale(box.evaluator.parameters()))));
            },
            nb::arg("polynomial"), nb::arg("scale") = nb::none(),
            "The polynomial of every slot; takes polynomial.depth levels.")
        .def(
            "with_scale",
            [](const Encrypted& a, double scale) {
                const EvaluatorBox& box = a.evaluator();
                const nb::gil_scoped_release released;
                return a.made(with_scale(box.evaluator, a.ciphertext(), scale));
            },
            nb::arg("scale"), "The same numbers at exactly another scale; takes a level.")
        .def(
            "drop_to_level",
            [](const Encrypted& a, std::size_t level) {
                return a.made(a.evaluator().evaluator.drop_to_level(a.ciphertext(), level));
            },
            nb::arg("level"), "The same numbers with fewer levels left; exact.")
        .def(
            "to_bytes",
            [](const Encrypted& x) { return bytes_of(x, x.evaluator().evaluator.parameters()); },
            "As a file of this ciphertext alone.")
        .def("__repr__", [](const Encrypted& x) {
            const Ciphertext& at = x.ciphertext();
            return fmt::format("Ciphertext(level {}, scale 2^{:.4g}, {} slots, {} parts{})",
                               at.level(), std::log2(at.scale()), at.part(0).n() / 2, at.size(),
                               x.has_evaluator() ? "" : ", no evaluator");
        });
    type.attr("__array_ufunc__") = nb::none();  // NumPy leaves operators to the ciphertext
}

}  // namespace cipherfit::python
