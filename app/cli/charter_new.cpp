// cipherfit charter new: writes a charter down.
#include "cli/charter_new.h"

#include "cipherfit/fitting/owner/new_charter.h"
#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter_files.h"
#include "cipherfit/parties/member_card.h"
#include "cli/joint_steps.h"
#include "cli/output_check.h"
#include "common/number_option.h"
#include "common/streams.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

struct CharterOptions {
    fs::path out, recipient;
    std::vector<fs::path> members, contributors, holders;
    std::size_t feature_count = 0;
    CharterRequest request;
};

MemberCard read_card(const fs::path& path) {
    const auto bytes = value_or_throw(read_file(path, largest_card_bytes));
    const auto card = member_card_from_bytes(bytes);
    require(card.has_value(), ErrorCode::bad_input, "{}: {}", path.string(),
            card ? "" : card.error().message);
    return *card;
}

std::vector<MemberCard> read_cards(const std::vector<fs::path>& paths) {
    std::vector<MemberCard> cards;
    std::ranges::transform(paths, std::back_inserter(cards), read_card);
    return cards;
}

}  // namespace

std::string caution_of(const Charter& charter, const CharterPlan& plan) {
    const auto sums = solvable_sums(charter, plan);
    if (!sums) {
        return {};
    }
    return fmt::format(
        "  {:<22}{} sums are published of rows with {} columns: {} rows or fewer could be\n"
        "  {:<22}solved for, and the charter asks for {}\n",
        "CAUTION", sums->numbers, sums->columns, sums->rows, "", charter.smallest_rows);
}

namespace {

void create_charter(const CharterOptions& options) {
    CharterRequest request = options.request;
    require(request.features.empty() != (options.feature_count == 0), ErrorCode::bad_input,
            "say what the features are: either --feature-count or --features");
    OutputCheck check;
    check.makes("--out", options.out);
    check.check();
    request.members = read_cards(options.members);
    request.contributors = read_cards(options.contributors);
    request.holders = read_cards(options.holders);
    request.recipient = read_card(options.recipient);
    if (options.feature_count > 0) {
        request.features = numbered_columns(options.feature_count);
    }
    const Charter charter = new_charter(request);
    const SharedFiles shared;
    value_or_throw(write_charter({options.out}, charter));
    print_summary(
        "  {:<22}{}\n  {:<22}{}\n{}  {:<22}cipherfit charter show {}\n", "charter",
        CharterFiles{options.out}.charter().string(), "digest", spoken(charter_digest(charter)),
        caution_of(charter, value_or_throw(CharterPlan::of(charter, TestParameters::allow))),
        "next, every member", options.out.string());
}

}  // namespace

void add_charter_new(CLI::App& app) {
    CLI::App* command = app.add_subcommand("new", "Write a charter down, for all members to sign");
    command->footer(
        "Example:\n"
        "  cipherfit charter new --out study --title 'Three clinics' --threshold 2 \\\n"
        "      --member north.card --member south.card --member west.card \\\n"
        "      --recipient north.card --feature-count 30 --classes benign,malignant\n\n"
        "Cards come from 'cipherfit member new'. A --member brings rows and holds a point of the\n"
        "key. The directory must be one that all members and the server can write to.");
    auto options = std::make_shared<CharterOptions>();
    command->add_option("--out", options->out, "The charter's directory, which all will share")
        ->required()
        ->type_name("DIR");
    command->add_option("--title", options->request.title, "What it is about")->required();
    command
        ->add_option("--member", options->members,
                     "The card of a member who brings rows and "
                     "holds a point of the key; again for each")
        ->type_name("CARD");
    command
        ->add_option("--contributor", options->contributors,
                     "The card of a member who only brings rows; again for each")
        ->type_name("CARD");
    command
        ->add_option("--holder", options->holders,
                     "The card of a member who only holds a point of the key; again for each")
        ->type_name("CARD");
    command
        ->add_option("--recipient", options->recipient,
                     "The card of the member who gets the model, one of the others or not")
        ->required()
        ->type_name("CARD");
    command
        ->add_option("--threshold", options->request.threshold,
                     "How many key holders together can open the model")
        ->required()
        ->transform(whole_number(1, 8));
    command
        ->add_option("--feature-count", options->feature_count,
                     "How many features rows have, beside the label")
        ->transform(whole_number(1, 4096));
    command
        ->add_option("--features", options->request.features,
                     "Their names, in the order of the columns, instead of their number")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAME,...");
    command
        ->add_option("--classes", options->request.classes,
                     "The names of the classes, as labels say them")
        ->required()
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAME,...");
    command
        ->add_option("--preparation", options->request.preparation,
                     "What is done to the features before training, and so which sums are "
                     "published: none (rows and a bound), centred or standardised (sums and sums "
                     "of squares of the features too), components or whitened (sums and sums of "
                     "products; whitened ones need two iterations)")
        ->capture_default_str()
        ->type_name("KIND");
    command
        ->add_option("--extractor", options->request.extractor,
                     "A public map from columns to features, drawn from a seed: none, random-conv "
                     "(columns are pixels of square images, 0 to 255), or rbf (random Fourier "
                     "features of standardised columns)")
        ->capture_default_str()
        ->type_name("KIND");
    command
        ->add_option("--filters", options->request.terms.map.filters,
                     "Filters of random-conv, each with 16 features")
        ->capture_default_str()
        ->transform(whole_number(1, 256));
    command->add_option("--cosines", options->request.terms.map.cosines, "Features of rbf")
        ->capture_default_str()
        ->transform(whole_number(1, 4096));
    command
        ->add_option("--width", options->request.terms.map.rbf_width,
                     "Width of rbf's kernel: gamma times the number of columns")
        ->capture_default_str()
        ->check(real_number(1e-6, 1e3));
    command->add_option("--seed", options->request.terms.map.seed, "The public seed of the map")
        ->capture_default_str();
    command
        ->add_option("--components", options->request.terms.components,
                     "How many principal components, with --preparation components or whitened")
        ->transform(whole_number(1, 1023));
    command
        ->add_option("--whitening-ridge", options->request.terms.whitening_ridge,
                     "The share of the total variance that is added to each component's variance "
                     "before it is divided by its root, with --preparation whitened")
        ->capture_default_str()
        ->check(real_number(1e-9, 1));
    command
        ->add_option("--iterations", options->request.iterations,
                     "Iterations of the training; 8, or 4 with --preparation whitened")
        ->transform(whole_number(2, 16));
    command
        ->add_option("--lowest", options->request.terms.task.lowest,
                     "The lowest eigenvalue that the iterations are made for, in units of the "
                     "bound; the ridge, or 0.3 with --preparation whitened")
        ->check(real_number(1e-6, 0.99));
    command
        ->add_option("--ridge", options->request.terms.task.ridge,
                     "What is added to the statistics' diagonal, in units of their largest "
                     "eigenvalue's bound")
        ->capture_default_str()
        ->check(real_number(1e-6, 0.5));
    command
        ->add_option("--row-bound", options->request.terms.row_bound,
                     "The longest that a prepared row may be, with its intercept of 1; longer ones "
                     "are shortened. After centring the mean length is about 1.4, and 8 the bound "
                     "unless given; after whitening it is three times the root of the columns")
        ->check(real_number(1, 1e6));
    command
        ->add_option("--smallest-rows", options->request.smallest_rows,
                     "With fewer rows in all nothing but their number is published")
        ->capture_default_str()
        ->transform(whole_number(0, 1'000'000'000));
    command
        ->add_option("--smallest-contributors", options->request.smallest_contributors,
                     "How many contributors there must be; all, unless given")
        ->transform(whole_number(2, 256));
    command
        ->add_option("--kappa", options->request.terms.task.kappa,
                     "Bits of noise that hides the model's error")
        ->capture_default_str()
        ->check(real_number(30, 128));
    command
        ->add_flag("--insecure-for-tests-only", options->request.terms.task.insecure_for_tests_only,
                   "A small ring that protects nothing")
        ->group("");
    command->callback([options] { create_charter(*options); });
}

}  // namespace cipherfit
