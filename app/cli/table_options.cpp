#include "cli/table_options.h"

#include <map>
#include <string>

namespace cipherfit {
namespace {

constexpr const char* group = "Table";

char delimiter_of(const std::string& text) {
    if (text == "tab" || text == "\\t") {
        return '\t';
    }
    if (text.size() != 1 || text == "\"" || text == "\n" || text == "\r" ||
        static_cast<unsigned char>(text.front()) >= 0x80) {
        throw CLI::ValidationError("--delimiter",
                                   "'" + text + "' is not one character, or the word tab");
    }
    return text.front();
}

}  // namespace

void add_table_options(CLI::App& app, TableOptions& table) {
    app.add_option(
           "--label", table.label,
           "The label's column of CSV files: its name, its number from 1, first or last. Unless "
           "given, the model's, or the first column")
        ->group(group)
        ->type_name("NAME|N");
    app.add_option("--drop", table.drop,
                   "Columns of CSV files to leave out, by name or number: an index, for instance")
        ->group(group)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAME|N,...");
    app.add_option_function<std::string>(
           "--delimiter",
           [&table](const std::string& text) { table.delimiter = delimiter_of(text); },
           "What separates the fields of CSV files: one character, or tab. Unless given, comma, "
           "semicolon or tab, as the first lines show")
        ->group(group)
        ->type_name("CHAR");
    const std::map<std::string, TableHeader> headers{{"yes", TableHeader::present},
                                                     {"no", TableHeader::absent}};
    app.add_option(
           "--header", table.header,
           "Whether the first line of CSV files names the columns: yes or no. Unless given, "
           "as it looks; where that is in doubt, the file is refused")
        ->group(group)
        ->transform(CLI::CheckedTransformer(headers))
        ->type_name("yes|no");
}

void add_training_table_options(CLI::App& app, TableOptions& table) {
    add_table_options(app, table);
    app.add_flag("--one-hot", table.one_hot,
                 "Encode columns of text, one column of 0 and 1 for each text of the training rows")
        ->group(group);
    app.add_option("--categorical", table.categorical,
                   "Encode these columns in the same way, although they hold numbers")
        ->group(group)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAME|N,...");
    const std::map<std::string, Impute> imputes{{"mean", Impute::mean}, {"median", Impute::median}};
    app.add_option("--impute", table.impute,
                   "Fill missing values by the mean or median of the column's training rows, and "
                   "missing text by the most frequent one")
        ->group(group)
        ->transform(CLI::CheckedTransformer(imputes))
        ->type_name("mean|median");
}

}  // namespace cipherfit
