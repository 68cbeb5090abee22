// cipherfit charter new: writes a charter down.
#include "cli/charter_new.h"

#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter_files.h"
#include "cipherfit/parties/member_card.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cipherfit/protocol/owner/joint_preparation.h"
#include "cli/joint_steps.h"
#include "cli/output_check.h"
#include "common/number_option.h"
#include "common/streams.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

struct CharterOptions {
    fs::path out;
    std::string title;
    std::vector<fs::path> members, contributors, holders;
    fs::path recipient;
    unsigned threshold = 0;
    std::size_t feature_count = 0;
    std::vector<std::string> features, classes;
    std::string preparation = "centred";
    std::string extractor = "none";
    int iterations = 0;  // 0: not given
    JointTerms terms;
    std::uint64_t smallest_rows = 0;
    std::uint32_t smallest_contributors = 0;
};

MemberCard read_card(const fs::path& path) {
    const auto bytes = value_or_throw(read_file(path, largest_card_bytes));
    const auto card = member_card_from_bytes(bytes);
    require(card.has_value(), ErrorCode::bad_input, "{}: {}", path.string(),
            card ? "" : card.error().message);
    return *card;
}

// The member of that card, added where it is not there yet.
CharterMember& member_of(Charter& charter, const fs::path& path) {
    const MemberCard card = read_card(path);
    const auto found = std::ranges::find(charter.members, card.identity, &CharterMember::identity);
    if (found != charter.members.end()) {
        return *found;
    }
    return charter.members.emplace_back(
        CharterMember{.name = card.name, .identity = card.identity, .sealing = card.sealing});
}

Charter make_charter(const CharterOptions& options) {
    Charter charter;
    charter.title = options.title;
    charter.nonce = random_seed();
    for (const fs::path& card : options.members) {
        CharterMember& member = member_of(charter, card);
        member.contributor = true;
        member.holder = true;
    }
    for (const fs::path& card : options.contributors) {
        member_of(charter, card).contributor = true;
    }
    for (const fs::path& card : options.holders) {
        member_of(charter, card).holder = true;
    }
    member_of(charter, options.recipient).recipient = true;
    charter.threshold = options.threshold;
    unsigned dealers = 0;
    for (CharterMember& member : charter.members) {
        member.dealer = member.holder && dealers < options.threshold;
        dealers += member.dealer ? 1 : 0;
    }
    charter.features = options.features;
    for (std::size_t j = charter.features.size(); j < options.feature_count; ++j) {
        charter.features.push_back(fmt::format("x{}", j + 1));
    }
    charter.classes = options.classes;
    charter.smallest_contributors = options.smallest_contributors > 0
                                        ? options.smallest_contributors
                                        : static_cast<std::uint32_t>(charter.contributors().size());
    charter.smallest_rows = options.smallest_rows;
    charter.kappa = options.terms.task.kappa;
    charter.releases = 1;
    return charter;
}

void new_charter(const CharterOptions& options) {
    require(options.features.empty() != (options.feature_count == 0), ErrorCode::bad_input,
            "say what the features are: either --feature-count or --features");
    OutputCheck check;
    check.makes("--out", options.out);
    check.check();
    Charter charter = make_charter(options);
    JointTerms terms = options.terms;
    terms.features = charter.features.size();
    terms.classes = charter.classes.size();
    terms.preparation = value_or_throw(preparation_from_name(options.preparation));
    terms.map.kind = value_or_throw(joint_map_from_name(options.extractor));
    // Of square images; check() says so where they are not.
    terms.map.height = terms.map.width =
        static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(terms.features))));
    const bool whitened = terms.preparation == Preparation::whitened;
    JointTask& task = terms.task;
    task.iterations = options.iterations > 0 ? options.iterations : whitened ? 4 : task.iterations;
    task.contributors = static_cast<unsigned>(charter.contributors().size());
    task.holders = static_cast<unsigned>(charter.holders().size());
    task.threshold = charter.threshold;
    require(task.holders >= 1 && task.holders <= 8 && task.threshold <= task.holders,
            ErrorCode::bad_input,
            "{} members hold the key and {} of them open it: 1 to 8 holders are possible, and no "
            "more of them can be needed than there are (--contributor names members who only "
            "bring rows)",
            task.holders, task.threshold);
    const CharterPlan plan = CharterPlan::create(terms);
    check_joint_map(plan);
    plan.write_to(charter);
    const SharedFiles shared;
    value_or_throw(write_charter({options.out}, charter));
    print_summary("  {:<22}{}\n  {:<22}{}\n  {:<22}cipherfit charter show {}\n", "charter",
                  CharterFiles{options.out}.charter().string(), "digest",
                  spoken(charter_digest(charter)), "next, every member", options.out.string());
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
    command->add_option("--title", options->title, "What it is about")->required();
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
        ->add_option("--threshold", options->threshold,
                     "How many key holders together can open the model")
        ->required()
        ->transform(whole_number(1, 8));
    command
        ->add_option("--feature-count", options->feature_count,
                     "How many features rows have, beside the label")
        ->transform(whole_number(1, 4096));
    command
        ->add_option("--features", options->features,
                     "Their names, in the order of the columns, instead of their number")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAME,...");
    command
        ->add_option("--classes", options->classes, "The names of the classes, as labels say them")
        ->required()
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("NAME,...");
    command
        ->add_option("--preparation", options->preparation,
                     "What is done to the features before training, and so which sums are "
                     "published: none (rows and a bound), centred or standardised (sums and sums "
                     "of squares of the features too), components or whitened (sums and sums of "
                     "products; whitened ones need two iterations)")
        ->capture_default_str()
        ->type_name("KIND");
    command
        ->add_option("--extractor", options->extractor,
                     "A public map from columns to features, drawn from a seed: none, random-conv "
                     "(columns are pixels of square images, 0 to 255), or rbf (random Fourier "
                     "features of standardised columns)")
        ->capture_default_str()
        ->type_name("KIND");
    command
        ->add_option("--filters", options->terms.map.filters,
                     "Filters of random-conv, each with 16 features")
        ->capture_default_str()
        ->transform(whole_number(1, 256));
    command->add_option("--cosines", options->terms.map.cosines, "Features of rbf")
        ->capture_default_str()
        ->transform(whole_number(1, 4096));
    command
        ->add_option("--width", options->terms.map.kernel_width,
                     "Width of rbf's kernel: gamma times the number of columns")
        ->capture_default_str()
        ->check(real_number(1e-6, 1e3));
    command->add_option("--seed", options->terms.map.seed, "The public seed of the map")
        ->capture_default_str();
    command
        ->add_option("--components", options->terms.components,
                     "How many principal components, with --preparation components or whitened")
        ->transform(whole_number(1, 1023));
    command
        ->add_option("--whitening-ridge", options->terms.whitening_ridge,
                     "The share of the total variance that is added to each component's variance "
                     "before it is divided by its root, with --preparation whitened")
        ->capture_default_str()
        ->check(real_number(1e-9, 1));
    command
        ->add_option("--iterations", options->iterations,
                     "Iterations of the training; 8, or 4 with --preparation whitened")
        ->transform(whole_number(2, 16));
    command
        ->add_option("--lowest", options->terms.task.lowest,
                     "The lowest eigenvalue that the iterations are made for, in units of the "
                     "bound; the ridge, or 0.3 with --preparation whitened")
        ->check(real_number(1e-6, 0.99));
    command
        ->add_option("--ridge", options->terms.task.ridge,
                     "What is added to the statistics' diagonal, in units of their largest "
                     "eigenvalue's bound")
        ->capture_default_str()
        ->check(real_number(1e-6, 0.5));
    command
        ->add_option("--row-bound", options->terms.row_bound,
                     "The longest that a prepared row may be, with its intercept of 1; longer ones "
                     "are shortened. After centring the mean length is about 1.4, and 8 the bound "
                     "unless given; after whitening it is three times the root of the columns")
        ->check(real_number(1, 1e6));
    command
        ->add_option("--smallest-rows", options->smallest_rows,
                     "With fewer rows in all nothing but their number is published")
        ->capture_default_str()
        ->transform(whole_number(0, 1'000'000'000));
    command
        ->add_option("--smallest-contributors", options->smallest_contributors,
                     "How many contributors there must be; all, unless given")
        ->transform(whole_number(2, 256));
    command
        ->add_option("--kappa", options->terms.task.kappa,
                     "Bits of noise that hides the model's error")
        ->capture_default_str()
        ->check(real_number(30, 128));
    command
        ->add_flag("--insecure-for-tests-only", options->terms.task.insecure_for_tests_only,
                   "A small ring that protects nothing")
        ->group("");
    command->callback([options] { new_charter(*options); });
}

}  // namespace cipherfit
