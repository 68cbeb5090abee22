#include "bindings.h"

#include <memory>
#include <nanobind/stl/string.h>
#include <utility>

namespace cipherfit::python {

void translate_errors() {
    nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
        try {
            std::rethrow_exception(thrown);
        } catch (const Error& error) {
            const std::string code(name(error.code()));
            const nb::object value =
                nb::module_::import_("cipherfit._errors").attr("error_of")(code, error.what());
            PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(value.ptr())), value.ptr());
        }
    });
}

RowMatrix matrix_of(const Rows& rows) {
    return Eigen::Map<const RowMatrix>(rows.data(), static_cast<Eigen::Index>(rows.shape(0)),
                                       static_cast<Eigen::Index>(rows.shape(1)));
}

OutRows to_numpy(RowMatrix matrix) {
    auto kept = std::make_unique<RowMatrix>(std::move(matrix));
    RowMatrix* raw = kept.get();
    const nb::capsule owner(kept.release(), [](void* held) noexcept {
        std::unique_ptr<RowMatrix>(static_cast<RowMatrix*>(held));
    });
    return OutRows(raw->data(),
                   {static_cast<std::size_t>(raw->rows()), static_cast<std::size_t>(raw->cols())},
                   owner);
}

OutNumbers to_numpy(std::vector<double> numbers) {
    auto kept = std::make_unique<std::vector<double>>(std::move(numbers));
    std::vector<double>* raw = kept.get();
    const nb::capsule owner(kept.release(), [](void* held) noexcept {
        std::unique_ptr<std::vector<double>>(static_cast<std::vector<double>*>(held));
    });
    return OutNumbers(raw->data(), {raw->size()}, owner);
}

}  // namespace cipherfit::python
