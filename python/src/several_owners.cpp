// Several owners: charters, and a member's session under one.
#include "cipherfit/fitting/owner/new_charter.h"
#include "cipherfit/io/file.h"
#include "cipherfit/parties/charter_files.h"
#include "cipherfit/parties/owner/member_home.h"
#include "cipherfit/parties/owner/sign_message.h"
#include "cipherfit/protocol/owner/joint_preparation.h"
#include "cipherfit/protocol/owner/member_session.h"
#include "long_call.h"
#include "model.h"
#include "options.h"

#include <filesystem>
#include <memory>
#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit::python {
namespace {

namespace fs = std::filesystem;

MemberCard card_of(const nb::bytes& bytes) {
    return value_or_throw(
        member_card_from_bytes({static_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
}

std::vector<MemberCard> cards_of(const std::vector<nb::bytes>& list) {
    std::vector<MemberCard> cards;
    for (const nb::bytes& bytes : list) {
        cards.push_back(card_of(bytes));
    }
    return cards;
}

void create_charter(const fs::path& directory, const std::string& title,
                    const std::vector<nb::bytes>& members,
                    const std::vector<nb::bytes>& contributors,
                    const std::vector<nb::bytes>& holders, const nb::bytes& recipient,
                    const std::vector<std::string>& features,
                    const std::vector<std::string>& classes, const nb::dict& options) {
    CharterRequest request;
    request.title = title;
    request.members = cards_of(members);
    request.contributors = cards_of(contributors);
    request.holders = cards_of(holders);
    request.recipient = card_of(recipient);
    request.features = features;
    request.classes = classes;
    JointTerms& terms = request.terms;
    const char* whole = "a whole number";
    const char* number = "a number";
    set_options(options, {{"threshold", into<unsigned>(request.threshold, whole)},
                          {"preparation", into<std::string>(request.preparation, "a name")},
                          {"extractor", into<std::string>(request.extractor, "a name")},
                          {"iterations", into<int>(request.iterations, whole)},
                          {"smallest_rows", into<std::uint64_t>(request.smallest_rows, whole)},
                          {"smallest_contributors",
                           into<std::uint32_t>(request.smallest_contributors, whole)},
                          {"filters", into<std::size_t>(terms.map.filters, whole)},
                          {"cosines", into<std::size_t>(terms.map.cosines, whole)},
                          {"width", into<double>(terms.map.rbf_width, number)},
                          {"seed", into<std::uint64_t>(terms.map.seed, whole)},
                          {"components", into<std::size_t>(terms.components, whole)},
                          {"whitening_ridge", into<double>(terms.whitening_ridge, number)},
                          {"row_bound", into<double>(terms.row_bound, number)},
                          {"ridge", into<double>(terms.task.ridge, number)},
                          {"lowest", into<double>(terms.task.lowest, number)},
                          {"kappa", into<double>(terms.task.kappa, number)}});
    const nb::gil_scoped_release released;
    value_or_throw(write_charter({directory}, new_charter(request)));
}

std::string charter_figures(const fs::path& directory) {
    const SignedCharter charter = value_or_throw(read_charter({directory}));
    const Charter& text = charter.charter;
    const CharterPlan plan = value_or_throw(CharterPlan::of(text));
    nlohmann::json members = nlohmann::json::array();
    for (std::size_t i = 0; i < text.members.size(); ++i) {
        const CharterMember& member = text.members[i];
        members.push_back({{"name", member.name},
                           {"brings_rows", member.contributor},
                           {"holds_point", member.holder},
                           {"deals", member.dealer},
                           {"receives_model", member.recipient},
                           {"signed", charter.signatures[i].has_value()},
                           {"fingerprint", fingerprint(member.identity, member.sealing)}});
    }
    nlohmann::json solvable;
    if (const auto sums = solvable_sums(text, plan)) {
        solvable = {{"sums", sums->numbers}, {"columns", sums->columns}, {"rows", sums->rows}};
    }
    return nlohmann::json{{"digest", to_hex(charter_digest(text))},
                          {"title", text.title},
                          {"members", members},
                          {"threshold", text.threshold},
                          {"features", text.features},
                          {"classes", text.classes},
                          {"iterations", plan.joint().task().iterations},
                          {"preparation", name(plan.terms().preparation)},
                          {"published_sums", text.published_sums},
                          {"smallest_rows", text.smallest_rows},
                          {"solvable_sums", solvable},
                          {"security_bits", plan.security_bits()},
                          {"log_n", plan.parameters().log_n()},
                          {"dealer_upload_bytes", plan.joint().dealer_upload_bytes()},
                          {"contributor_upload_bytes", plan.joint().contributor_upload_bytes()},
                          {"server_memory_bytes", plan.joint().server_memory_bytes()}}
        .dump();
}

std::string sign(const MemberHome& home, const fs::path& directory,
                 const std::optional<std::string>& agreed) {
    const CharterFiles files{directory};
    const SignedCharter charter = value_or_throw(read_charter(files));
    const std::uint32_t self = value_or_throw(home.self_in(charter.charter));
    check_joint_map(value_or_throw(CharterPlan::of(charter.charter)));
    const std::string digest = to_hex(charter_digest(charter.charter));
    require(!agreed || *agreed == digest, ErrorCode::fingerprint_mismatch,
            "the charter's digest is {}, and not the one that was given: it is another charter "
            "than the one that was agreed on",
            digest);
    value_or_throw(write_signature(files, self, sign_charter(home.identity(), charter.charter)));
    return digest;
}

JointProgress told_to(Watch& watch) {
    return [&watch, last = std::string()](std::string_view phase, double share) mutable {
        if (phase != last) {
            last = std::string(phase);
            watch.phase(last);
        }
        watch.progress(share, "");
    };
}

// A step on the thread of a long call.
template <class Step>
StepReport run_step(MemberSession& session, const Step& step) {
    StepReport report;
    run_long(nb::none(), [&](Watch& /*watch*/) { report = step(session); });
    return report;
}

std::string verify(MemberSession& session, const nb::object& report) {
    MemberSession::Verified verified;
    run_long(report,
             [&](Watch& watch) { verified = session.verify(told_to(watch), watch.token()); });
    return to_hex(verified.digest);
}

std::pair<StepReport, std::optional<Model>> open_model(MemberSession& session,
                                                       const std::vector<unsigned>& holders,
                                                       const nb::object& report) {
    MemberSession::Opened opened;
    run_long(report, [&](Watch& watch) {
        opened = session.open_model(holders, told_to(watch), watch.token());
    });
    std::optional<Model> model;
    if (opened.model) {
        model = Model{std::move(*opened.model), std::move(opened.extractor), std::nullopt};
    }
    return {std::move(opened.report), std::move(model)};
}

void bring_rows(MemberSession& session, const Rows& rows, const Labels& labels) {
    const JointRows joint{matrix_of(rows),
                          std::vector<int>(labels.data(), labels.data() + labels.size())};
    const nb::gil_scoped_release released;
    session.bring_rows(joint);
}

}  // namespace

void bind_several_owners(nb::module_& module) {
    nb::class_<StepReport>(module, "StepReport", "What a step did, and whom it waits for.")
        .def_ro("round", &StepReport::round)
        .def_ro("sent", &StepReport::posted)
        .def_ro("waiting_for", &StepReport::waiting_for)
        .def_ro("problems", &StepReport::problems)
        .def_ro("done", &StepReport::done)
        .def("__repr__", [](const StepReport& report) {
            return report.done ? std::string("StepReport(done)")
                               : fmt::format("StepReport(round {}, waiting for {})", report.round,
                                             fmt::join(report.waiting_for, ", "));
        });
    nb::class_<MemberHome>(module, "MemberHome", "A member's keys.")
        .def_static(
            "create",
            [](const fs::path& directory, const std::string& name) {
                return value_or_throw(MemberHome::create(directory, name));
            },
            nb::arg("directory"), nb::arg("name"))
        .def_static(
            "open",
            [](const fs::path& directory) { return value_or_throw(MemberHome::open(directory)); },
            nb::arg("directory"))
        .def_prop_ro("name", [](const MemberHome& home) { return home.card().name; })
        .def_prop_ro("card",
                     [](const MemberHome& home) {
                         const auto bytes = to_bytes(home.card());
                         return nb::bytes(reinterpret_cast<const char*>(bytes.data()),
                                          bytes.size());
                     })
        .def_prop_ro("fingerprint",
                     [](const MemberHome& home) {
                         return fingerprint(home.card().identity, home.card().sealing);
                     })
        .def("sign", &sign, nb::arg("charter"), nb::arg("digest").none() = nb::none());
    nb::class_<MemberSession>(module, "MemberSession", "A member's work under a charter.")
        .def(nb::init<const fs::path&, const fs::path&>(), nb::arg("home"), nb::arg("charter"))
        .def_prop_ro("is_contributor", &MemberSession::is_contributor)
        .def_prop_ro("has_rows", &MemberSession::has_rows)
        .def("bring_rows", &bring_rows, nb::arg("rows"), nb::arg("labels"))
        .def("step",
             [](MemberSession& session) {
                 return run_step(session, [](MemberSession& s) { return s.step(); });
             })
        .def("verify", &verify, nb::arg("report") = nb::none())
        .def("release",
             [](MemberSession& session) {
                 return run_step(session, [](MemberSession& s) { return s.release(); });
             })
        .def("open_model", &open_model, nb::arg("holders"), nb::arg("report") = nb::none());
    module.def("create_charter", &create_charter, nb::arg("directory"), nb::arg("title"),
               nb::arg("members"), nb::arg("contributors"), nb::arg("holders"),
               nb::arg("recipient"), nb::arg("features"), nb::arg("classes"), nb::arg("options"));
    module.def("charter_figures", &charter_figures, nb::arg("directory"));
}

}  // namespace cipherfit::python
