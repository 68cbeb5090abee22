// cipherfit-server init-pki and audit: what surrounds the service.
#include "common/number_option.h"
#include "common/streams.h"
#include "server/commands.h"
#include "service/audit_log.h"
#include "service/pki.h"
#include "service/store.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace cipherfit {
namespace {

struct AuditOptions {
    std::filesystem::path data, file;
};

void verify(const AuditOptions& options) {
    std::filesystem::path file = options.file;
    std::optional<service::AuditHead> known;
    if (!options.data.empty()) {
        file = options.data / "audit.log";
        const std::filesystem::path database = options.data / "service.sqlite";
        require(std::filesystem::exists(database), ErrorCode::bad_input,
                "{}: is no data directory of a service", options.data.string());
        const auto [sequence, hash] = service::noted_audit_head(database);
        if (sequence > 0) {
            known = service::AuditHead{sequence, hash};
        }
    }
    const service::AuditHead head = value_or_throw(service::verify_audit_log(file, known));
    print_answer("{} entries, all in order; the last one has the hash {}\n", head.sequence,
                 head.hash);
}

}  // namespace

void build_init_pki(CLI::App& app) {
    app.description("Make a small certificate authority, with certificates for a trial");
    CLI::App* command = &app;
    command->footer(
        "Example:\n"
        "  cipherfit-server init-pki --out PKI --server localhost --client alice --client bob\n\n"
        "Leaves PKI/ca (keep it off the server), PKI/server and PKI/alice, PKI/bob, one for each\n"
        "client to take with it. Given again, it adds clients and revokes others: copy\n"
        "PKI/server/crl.pem to the server then, and send it SIGHUP.");
    const auto request = std::make_shared<service::PkiRequest>();
    command->add_option("--out", request->directory, "The directory to make or to add to")
        ->required()
        ->type_name("DIR");
    command
        ->add_option("--server", request->servers,
                     "A name or address by which clients reach the server; may be repeated")
        ->type_name("HOST");
    command->add_option("--client", request->clients, "A client's name; may be repeated")
        ->type_name("NAME");
    command
        ->add_option("--revoke", request->revoked,
                     "A client whose certificate ends now; may be repeated")
        ->type_name("NAME");
    command->add_option("--days", request->days, "For how long new certificates are good")
        ->capture_default_str()
        ->transform(whole_number(1, 3650));
    command->callback([request] { service::make_pki(*request); });
}

void build_audit(CLI::App& app) {
    app.description("The service's audit log");
    app.require_subcommand(1);
    CLI::App* command = app.add_subcommand(
        "verify", "Verify the hash chain of an audit log; name the entry where it breaks");
    const auto options = std::make_shared<AuditOptions>();
    auto* data = command->add_option("--data", options->data,
                                     "The service's data directory: also compares with what the "
                                     "database notes of the log's end");
    data->type_name("DIR");
    command->add_option("--file", options->file, "A log alone")->type_name("FILE")->excludes(data);
    command->callback([options] {
        require(options->data.empty() != options->file.empty(), ErrorCode::bad_input,
                "name the service's data directory or a log");
        verify(*options);
    });
}

}  // namespace cipherfit
