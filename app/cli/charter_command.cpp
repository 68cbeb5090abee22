// cipherfit charter: what several owners agree on before anything else.
#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter_files.h"
#include "cipherfit/parties/member_card.h"
#include "cipherfit/parties/owner/member_home.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cli/commands.h"
#include "cli/joint_steps.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/samples.h"
#include "common/number_option.h"
#include "common/streams.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

struct NewOptions {
    fs::path out;
    std::string title;
    std::vector<fs::path> members, contributors, holders;
    fs::path recipient;
    unsigned threshold = 0;
    std::size_t feature_count = 0;
    std::vector<std::string> features, classes;
    std::string preparation = "centred";
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

Charter make_charter(const NewOptions& options) {
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
    charter.extractor = "none";
    charter.smallest_contributors = options.smallest_contributors > 0
                                        ? options.smallest_contributors
                                        : static_cast<std::uint32_t>(charter.contributors().size());
    charter.smallest_rows = options.smallest_rows;
    charter.kappa = options.terms.task.kappa;
    charter.releases = 1;
    return charter;
}

void new_charter(const NewOptions& options) {
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
    JointTask& task = terms.task;
    task.contributors = static_cast<unsigned>(charter.contributors().size());
    task.holders = static_cast<unsigned>(charter.holders().size());
    task.threshold = charter.threshold;
    require(task.holders >= 1 && task.holders <= 8 && task.threshold <= task.holders,
            ErrorCode::bad_input,
            "{} members hold the key and {} of them open it: 1 to 8 holders are possible, and no "
            "more of them can be needed than there are (--contributor names members who only "
            "bring rows)",
            task.holders, task.threshold);
    CharterPlan::create(terms).write_to(charter);
    const SharedFiles shared;
    value_or_throw(write_charter({options.out}, charter));
    print_summary("  {:<22}{}\n  {:<22}{}\n  {:<22}cipherfit charter show {}\n", "charter",
                  CharterFiles{options.out}.charter().string(), "digest",
                  spoken(charter_digest(charter)), "next, every member", options.out.string());
}

void add_new(CLI::App& app) {
    CLI::App* command = app.add_subcommand("new", "Write a charter down, for all members to sign");
    command->footer(
        "Example:\n"
        "  cipherfit charter new --out study --title 'Three clinics' --threshold 2 \\\n"
        "      --member north.card --member south.card --member west.card \\\n"
        "      --recipient north.card --feature-count 30 --classes benign,malignant\n\n"
        "Cards come from 'cipherfit member new'. A --member brings rows and holds a point of the\n"
        "key. The directory must be one that all members and the server can write to.");
    auto options = std::make_shared<NewOptions>();
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
                     "of squares of the features too), components (sums and sums of products)")
        ->capture_default_str()
        ->type_name("KIND");
    command
        ->add_option("--components", options->terms.components,
                     "How many principal components, with --preparation components")
        ->transform(whole_number(1, 1023));
    command
        ->add_option("--iterations", options->terms.task.iterations, "Iterations of the training")
        ->capture_default_str()
        ->transform(whole_number(2, 16));
    command
        ->add_option("--ridge", options->terms.task.ridge,
                     "What is added to the statistics' diagonal, in units of their largest "
                     "eigenvalue's bound")
        ->capture_default_str()
        ->check(real_number(1e-6, 0.5));
    command
        ->add_option("--row-bound", options->terms.row_bound,
                     "The longest that a prepared row may be, with its intercept of 1; longer ones "
                     "are shortened. After centring the mean length is about 1.4")
        ->capture_default_str()
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

struct ShowOptions {
    fs::path charter, json;
};

std::string roles(const CharterMember& member) {
    std::vector<std::string> roles;
    for (const auto& [has, name] :
         {std::pair{member.contributor, "brings rows"}, std::pair{member.holder, "holds a point"},
          std::pair{member.dealer, "deals"}, std::pair{member.recipient, "receives the model"}}) {
        if (has) {
            roles.emplace_back(name);
        }
    }
    return fmt::format("{}", fmt::join(roles, ", "));
}

nlohmann::json figures(const SignedCharter& charter, const CharterPlan& plan) {
    nlohmann::json signers = nlohmann::json::array();
    for (const auto& signature : charter.signatures) {
        signers.push_back(signature.has_value());
    }
    const Charter& text = charter.charter;
    return {{"digest", to_hex(charter_digest(text))},
            {"title", text.title},
            {"signed", signers},
            {"members", text.members.size()},
            {"holders", text.holders().size()},
            {"threshold", text.threshold},
            {"contributors", text.contributors().size()},
            {"features", text.features.size()},
            {"classes", text.classes},
            {"columns", plan.terms().columns()},
            {"iterations", plan.joint().task().iterations},
            {"ridge", plan.joint().task().ridge},
            {"preparation", name(plan.terms().preparation)},
            {"published_sums", text.published_sums},
            {"security_bits", plan.security_bits()},
            {"log_n", plan.parameters().log_n()},
            {"log_qp", plan.parameters().log_qp()},
            {"dealer_upload_bytes", plan.joint().dealer_upload_bytes()},
            {"contributor_upload_bytes", plan.joint().contributor_upload_bytes()},
            {"server_memory_bytes", plan.joint().server_memory_bytes()},
            {"lowest", plan.joint().task().lowest},
            {"row_bound", plan.terms().row_bound},
            {"kappa", text.kappa},
            {"statistical_bits", plan.statistical_bits()},
            {"release_bits", plan.joint().release_bits()}};
}

void show_charter(const ShowOptions& options) {
    OutputCheck check;
    check.writes("--json", options.json);
    check.check();
    const SignedCharter charter = value_or_throw(read_charter({options.charter}));
    const Charter& text = charter.charter;
    const CharterPlan plan = value_or_throw(CharterPlan::of(text));
    std::string out =
        fmt::format("{}\n  {:<22}{}\n", text.title, "digest", spoken(charter_digest(text)));
    for (std::uint32_t i = 0; i < text.members.size(); ++i) {
        const CharterMember& member = text.members[i];
        out +=
            fmt::format("  {:<22}{}: {}{}\n  {:<22}{}\n", fmt::format("member {}", i), member.name,
                        roles(member), charter.signatures[i] ? "; has signed" : "; HAS NOT SIGNED",
                        "", fingerprint(member.identity, member.sealing));
    }
    const JointTerms& terms = plan.terms();
    out += fmt::format(
        "  {:<22}any {} of {} holders open the model, once\n"
        "  {:<22}{} ({}), classes {}\n"
        "  {:<22}{}{}\n"
        "  {:<22}{}, from at least {} rows of at least {} contributors\n"
        "  {:<22}{} iterations, ridge {} of the bound\n"
        "  {:<22}N = 2^{}, log2(QP) = {:.0f}, {}\n"
        "  {:<22}kappa = {}: noise leaves about {:.1f} bits of the largest weight\n",
        "key", text.threshold, text.holders().size(), "features", text.features.size(),
        text.features.size() <= 12 ? fmt::format("{}", fmt::join(text.features, ", "))
                                   : text.features.front() + ", ..., " + text.features.back(),
        fmt::join(text.classes, ", "), "preparation", name(terms.preparation),
        terms.preparation == Preparation::components
            ? fmt::format(", the first {}", terms.components)
            : "",
        "published sums", fmt::join(text.published_sums, ", "), text.smallest_rows,
        text.smallest_contributors, "training", terms.task.iterations, terms.task.ridge, "ring",
        plan.parameters().log_n(), plan.parameters().log_qp(),
        plan.security_bits() > 0 ? fmt::format("{:.0f} bits of security", plan.security_bits())
                                 : "NO SECURITY: for tests only",
        "release", text.kappa, plan.joint().release_bits());
    print_answer("{}", out);
    if (!options.json.empty()) {
        write_named_json(options.json, figures(charter, plan));
    }
}

void add_show(CLI::App& app) {
    CLI::App* command = app.add_subcommand("show", "Show what a charter says, and who has signed");
    auto options = std::make_shared<ShowOptions>();
    command->add_option("charter", options->charter, "The charter's directory")->required();
    command->add_option("--json", options->json, "Write the charter's figures there")
        ->type_name("FILE");
    command->callback([options] { show_charter(*options); });
}

struct SignOptions {
    fs::path charter, member;
    std::string digest;
};

void sign(const SignOptions& options) {
    const CharterFiles files{options.charter};
    const SignedCharter charter = value_or_throw(read_charter(files));
    const MemberHome home = value_or_throw(MemberHome::open(options.member));
    const std::uint32_t self = value_or_throw(home.self_in(charter.charter));
    static_cast<void>(value_or_throw(CharterPlan::of(charter.charter)));
    const std::string digest = to_hex(charter_digest(charter.charter));
    std::string asked = options.digest;
    std::erase(asked, ' ');
    require(asked.empty() || asked == digest, ErrorCode::fingerprint_mismatch,
            "the charter's digest is {}, and not the one that was given: it is another charter "
            "than the one that was agreed on",
            spoken(charter_digest(charter.charter)));
    const SharedFiles shared;
    value_or_throw(write_signature(files, self, sign_charter(home.identity(), charter.charter)));
    print_summary("  {:<22}{}\n  {:<22}{}\n", "signed as", charter.charter.describe(self), "digest",
                  spoken(charter_digest(charter.charter)));
}

void add_sign(CLI::App& app) {
    CLI::App* command = app.add_subcommand("sign", "Sign a charter as one of its members");
    command->footer(
        "Read the charter with 'cipherfit charter show' first, and compare its digest and the\n"
        "members' fingerprints with the others by another way than this directory. Whoever\n"
        "signs agrees to all of it, and its own rows are pooled under these terms.");
    auto options = std::make_shared<SignOptions>();
    command->add_option("charter", options->charter, "The charter's directory")->required();
    command->add_option("--member", options->member, "The member's private directory")
        ->required()
        ->type_name("DIR");
    command
        ->add_option("--digest", options->digest,
                     "The digest that was agreed on; another charter is then refused")
        ->type_name("HEX");
    command->callback([options] { sign(*options); });
}

}  // namespace

void add_charter_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "charter", "Several owners: write down, show and sign what they agree on");
    command->require_subcommand(1);
    command->footer(
        "One charter, one key, one release. docs/guides/several-hospitals.md walks through it.");
    add_new(*command);
    add_show(*command);
    add_sign(*command);
}

}  // namespace cipherfit
