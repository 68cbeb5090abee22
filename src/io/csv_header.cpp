// Whether the first line of a CSV file names the columns.
#include "io/csv_columns.h"
#include "io/csv_fields.h"

#include <cmath>

namespace cipherfit {
namespace {

struct Shape {
    std::uint64_t fields = 0;
    std::uint64_t numbers = 0;  // also those that are infinite or too large
    bool first_is_number = false;
    bool has_fraction = false;
    // Whether the numbers are `from`, from + 1, ..., with nothing else among them but a text in
    // front.
    bool consecutive = true;
    double from = 0;
};

Shape shape_of(std::string_view record, char delimiter) {
    Shape shape;
    CsvFields fields(record, delimiter);
    CsvField field;
    double last = 0;
    for (; fields.next(field); ++shape.fields) {
        double value = 0;
        const CsvValue kind = parse_value(field, value);
        if (kind == CsvValue::text || kind == CsvValue::missing) {
            shape.consecutive = shape.consecutive && shape.fields == 0;
            continue;
        }
        shape.consecutive = shape.consecutive && kind == CsvValue::number &&
                            field.text.find('.') == std::string_view::npos &&
                            (shape.numbers == 0 || value == last + 1);
        shape.has_fraction = shape.has_fraction || value != std::floor(value);
        shape.from = shape.numbers == 0 ? value : shape.from;
        shape.first_is_number = shape.first_is_number || shape.fields == 0;
        last = value;
        ++shape.numbers;
    }
    return shape;
}

tl::unexpected<ErrorInfo> in_doubt(const std::string& file) {
    return make_error(ErrorCode::bad_input,
                      "{}: row 1 may be a header or a row of data; say whether it is a "
                      "header",
                      file);
}

}  // namespace

Expected<bool> is_csv_header(const std::string& file, std::string_view first,
                             std::optional<std::string_view> second, char delimiter,
                             TableHeader choice) {
    if (choice != TableHeader::detect) {
        return choice == TableHeader::present;
    }
    const Shape one = shape_of(first, delimiter);
    const Shape two = second ? shape_of(*second, delimiter) : Shape{};
    if (one.numbers == 0) {
        // Names, unless the second row is text throughout as well.
        if (second && two.numbers == 0) {
            return in_doubt(file);
        }
        return true;
    }
    // Numbers of the columns, from 0 or 1, perhaps behind the name of the label or of an index.
    const bool numbers_columns = one.consecutive && (one.from == 0 || one.from == 1);
    if (!numbers_columns || one.fields == 1) {
        return false;
    }
    if (one.numbers < one.fields && !two.first_is_number) {
        // A text label before 0, 1, ...: a row where the next one has a text there too.
        return one.numbers >= 4 || !second ? Expected<bool>(true) : in_doubt(file);
    }
    if (one.numbers == one.fields) {
        // pandas numbers columns from 0; from 1 it is a row as likely as not, unless it is long.
        const bool from_zero = one.from == 0;
        if (from_zero ? one.fields < 3 && !two.has_fraction : one.fields >= 4) {
            return in_doubt(file);
        }
        return from_zero;
    }
    return true;
}

}  // namespace cipherfit
