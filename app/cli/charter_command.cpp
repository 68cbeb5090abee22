// cipherfit charter: what several owners agree on before anything else.
#include "cipherfit/parties/charter_files.h"
#include "cipherfit/parties/owner/member_home.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "cipherfit/protocol/charter_plan.h"
#include "cipherfit/protocol/owner/joint_preparation.h"
#include "cli/charter_new.h"
#include "cli/commands.h"
#include "cli/joint_steps.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "common/streams.h"
#include "common/test_parameters.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

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
            {"components", plan.terms().components},
            {"whitening_ridge", plan.terms().whitening_ridge},
            {"extractor", text.extractor},
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
    const CharterPlan plan = value_or_throw(CharterPlan::of(text, TestParameters::allow));
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
        "  {:<22}{}\n"
        "  {:<22}{}{}\n"
        "  {:<22}{}, from at least {} rows of at least {} contributors\n"
        "  {:<22}{} iterations, ridge {} of the bound\n"
        "  {:<22}N = 2^{}, log2(QP) = {:.0f}, {}\n"
        "  {:<22}kappa = {}: noise leaves about {:.1f} bits of the largest weight\n",
        "key", text.threshold, text.holders().size(), "features", text.features.size(),
        text.features.size() <= 12 ? fmt::format("{}", fmt::join(text.features, ", "))
                                   : text.features.front() + ", ..., " + text.features.back(),
        fmt::join(text.classes, ", "), "public map",
        terms.map.kind == JointMapKind::none
            ? text.extractor
            : fmt::format("{}, {} features, seed {}", name(terms.map.kind), terms.mapped(),
                          terms.map.seed),
        "preparation", name(terms.preparation),
        takes_components(terms.preparation) ? fmt::format(", the first {}", terms.components) : "",
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
    check_joint_map(value_or_throw(CharterPlan::of(charter.charter, test_parameters())));
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
    add_charter_new(*command);
    add_show(*command);
    add_sign(*command);
}

}  // namespace cipherfit
