// CKKS on NumPy arrays: parameters, keys, ciphertexts with operators.
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/ckks/polynomial.h"
#include "cipherfit/ckks/precision.h"
#include "cipherfit/protocol/owner/key_file.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "ciphertexts.h"

#include <cmath>
#include <complex>
#include <filesystem>
#include <map>
#include <nanobind/stl/complex.h>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <string>
#include <utility>

namespace cipherfit::python {
namespace {

using Complexes = std::vector<std::complex<double>>;

// Numbers of any array-like; complex ones where the array is.
struct Slots {
    Complexes complexes;
    std::vector<double> reals;
    bool is_complex = false;
};

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

// The scale at which a message goes into a fresh ciphertext: that of the primes that rescale.
double default_scale(const Parameters& parameters) {
    const std::size_t top = parameters.max_level();
    return std::exp2(std::round(std::log2(static_cast<double>(parameters.q(top)))));
}

KeyRequest request_of(const Parameters& parameters, bool relinearize,
                      const std::vector<std::int64_t>& rotations, bool conjugate,
                      std::optional<std::size_t> level) {
    const std::size_t at = level.value_or(parameters.max_level());
    KeyRequest request;
    if (relinearize) {
        request.relinearization(at);
    }
    for (const std::int64_t steps : rotations) {
        request.rotation(steps, parameters.slots(), at);
    }
    if (conjugate) {
        request.conjugation(at);
    }
    return request;
}

Encrypted encrypt_values(const SecretKey& key, const nb::handle& values,
                         std::optional<std::size_t> level, std::optional<double> scale,
                         const EvaluatorPointer& evaluator) {
    const Parameters& parameters = key.parameters();
    const Slots slots = slots_of(values);
    const nb::gil_scoped_release released;
    const Encoder encoder(parameters);
    return {encrypt(key, encode(encoder, slots, level.value_or(parameters.max_level()),
                                scale.value_or(default_scale(parameters)))),
            key.id(), evaluator};
}

nb::object decrypt_values(const SecretKey& key, const Encrypted& x, bool as_complex) {
    Complexes complexes;
    std::vector<double> reals;
    {
        const nb::gil_scoped_release released;
        const Plaintext plaintext = decrypt(key, x.ciphertext());
        const Encoder encoder(key.parameters());
        if (as_complex) {
            complexes = encoder.decode_complex(plaintext);
        } else {
            reals = encoder.decode(plaintext);
        }
    }
    if (!as_complex) {
        return nb::cast(to_numpy(std::move(reals)));
    }
    auto kept = std::make_unique<Complexes>(std::move(complexes));
    Complexes* raw = kept.get();
    const nb::capsule owner(kept.release(), [](void* held) noexcept {
        std::unique_ptr<Complexes>(static_cast<Complexes*>(held));
    });
    return nb::cast(nb::ndarray<nb::numpy, std::complex<double>, nb::ndim<1>>(
        raw->data(), {raw->size()}, owner));
}

// How far what is encrypted is from what it should be; slots behind the given ones must be 0.
PrecisionStats precision_of(const SecretKey& key, const Encrypted& x, const nb::handle& expected) {
    const Slots slots = slots_of(expected);
    Complexes values =
        slots.is_complex ? slots.complexes : Complexes(slots.reals.begin(), slots.reals.end());
    require(values.size() <= key.parameters().slots(), ErrorCode::invalid_argument,
            "{} values are expected, but there are {} slots", values.size(),
            key.parameters().slots());
    const Complexes actual = Encoder(key.parameters()).decode_complex(decrypt(key, x.ciphertext()));
    return precision({actual.data(), values.size()}, values);
}

std::string describe(const Parameters& p) {
    return fmt::format(
        "Parameters(ring 2^{}, {} slots, {} levels, log2(QP) = {:.0f} of at most "
        "{:.0f}, {}-bit security)",
        p.log_n(), p.slots(), p.max_level(), p.log_qp(),
        p.insecure_for_tests_only() ? 0.0 : largest_secure_log_qp(p.log_n()), p.security_bits());
}

// --- Operators ---

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

void bind_keys(nb::module_& module) {
    nb::class_<KeyBox>(module, "EvaluationKeys",
                       "What the computing party holds: relinearisation, rotations, conjugation.")
        .def_prop_ro("parameters", [](const KeyBox& box) { return box.keys.parameters(); })
        .def("__len__", [](const KeyBox& box) { return box.keys.size(); })
        .def_static(
            "read",
            [](const std::filesystem::path& file) {
                const nb::gil_scoped_release released;
                KeyFile read = value_or_throw(read_keys(file));
                return std::make_shared<KeyBox>(std::move(read.keys), read.key);
            },
            nb::arg("file"), "The keys of a file that SecretKey.write_keys() left.");
    nb::class_<SecretKey>(module, "SecretKey",
                          "The owner's key, from the system's random numbers. It cannot be pickled "
                          "or copied.")
        .def(
            "__init__",
            [](SecretKey* self, const Parameters& parameters) {
                new (self) SecretKey(SecretKey::generate(parameters));
            },
            nb::arg("parameters"))
        .def_prop_ro("parameters", [](const SecretKey& key) { return key.parameters(); })
        .def("encrypt", &encrypt_values, nb::arg("values"), nb::arg("level") = nb::none(),
             nb::arg("scale") = nb::none(), nb::arg("evaluator").none() = nb::none(),
             "Encrypts at most as many numbers as there are slots; the others hold 0.")
        .def(
            "decrypt",
            [](const SecretKey& key, const Encrypted& x) { return decrypt_values(key, x, false); },
            nb::arg("ciphertext"),
            "All slots, as real numbers. They carry noise from which the key can be learnt: never "
            "give them to others.")
        .def(
            "decrypt_complex",
            [](const SecretKey& key, const Encrypted& x) { return decrypt_values(key, x, true); },
            nb::arg("ciphertext"), "The same as complex numbers.")
        .def("precision", &precision_of, nb::arg("ciphertext"), nb::arg("expected"),
             "How exact an encrypted result is, beside the numbers that it should hold.")
        .def(
            "evaluation_keys",
            [](const SecretKey& key, bool relinearize, const std::vector<std::int64_t>& rotations,
               bool conjugate, std::optional<std::size_t> level) {
                const nb::gil_scoped_release released;
                return std::make_shared<KeyBox>(
                    KeyGenerator(key).evaluation_keys(
                        request_of(key.parameters(), relinearize, rotations, conjugate, level)),
                    key.id());
            },
            nb::arg("relinearize") = true, nb::arg("rotations") = std::vector<std::int64_t>(),
            nb::arg("conjugate") = false, nb::arg("level") = nb::none(),
            "Makes the keys for products, for rotations by these steps, for conjugation, up to a "
            "level (the highest unless given).")
        .def(
            "write_keys",
            [](const SecretKey& key, const std::filesystem::path& file, bool relinearize,
               const std::vector<std::int64_t>& rotations, bool conjugate,
               std::optional<std::size_t> level) {
                const nb::gil_scoped_release released;
                value_or_throw(write_keys(
                    file, key,
                    request_of(key.parameters(), relinearize, rotations, conjugate, level)));
            },
            nb::arg("file"), nb::arg("relinearize") = true,
            nb::arg("rotations") = std::vector<std::int64_t>(), nb::arg("conjugate") = false,
            nb::arg("level") = nb::none(), "The same into a file for the computing party.")
        .def("__reduce__",
             [](const SecretKey&) -> nb::object {
                 throw Error(ErrorCode::invalid_argument,
                             "a secret key is not pickled: write it with write(), or make it where "
                             "it is used");
             })
        .def(
            "write",
            [](const SecretKey& key, const std::filesystem::path& file,
               const std::string& passphrase) {
                value_or_throw(write_secret_key(file, key, passphrase));
            },
            nb::arg("file"), nb::arg("passphrase") = "",
            "Writes the key, for its user alone; without a passphrase in the clear.")
        .def_static(
            "read",
            [](const std::filesystem::path& file, const std::string& passphrase) {
                return value_or_throw(read_secret_key(file, passphrase));
            },
            nb::arg("file"), nb::arg("passphrase") = "");
    nb::class_<PrecisionStats>(module, "Precision", "Errors of an encrypted result.")
        .def_prop_ro("mean_bits", &PrecisionStats::mean_bits)
        .def_prop_ro("worst_bits", &PrecisionStats::worst_bits)
        .def_ro("mean_error", &PrecisionStats::mean_error)
        .def_ro("worst_error", &PrecisionStats::worst_error)
        .def("__repr__", [](const PrecisionStats& p) {
            return fmt::format("Precision({:.1f} bits, {:.1f} in the worst of {} slots)",
                               p.mean_bits(), p.worst_bits(), p.values);
        });
}

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

}  // namespace

void bind_ckks(nb::module_& module) {
    nb::module_ ckks = module.def_submodule("ckks", "CKKS. Use cipherfit.ckks.");
    bind_parameters(ckks);
    bind_keys(ckks);
    bind_polynomials(ckks);
    bind_ciphertexts(ckks);
    bind_evaluator(ckks);
}

}  // namespace cipherfit::python
