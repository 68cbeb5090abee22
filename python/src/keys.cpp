// cipherfit.ckks: the secret key and what it does, and the evaluation keys.
#include "cipherfit/ckks/owner/encryptor.h"
#include "cipherfit/ckks/precision.h"
#include "cipherfit/protocol/owner/key_file.h"
#include "cipherfit/protocol/owner/secret_key_file.h"
#include "ciphertexts.h"
#include "slots.h"

#include <filesystem>
#include <memory>
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

}  // namespace

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

}  // namespace cipherfit::python
