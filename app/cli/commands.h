// The commands of cipherfit. Each adds its subcommand to the program, with options that live as
// long as the program, and runs as the subcommand's callback; failures are thrown as Error.
#pragma once

#include <CLI/CLI.hpp>

namespace cipherfit {

void add_extract_command(CLI::App& app);
void add_fit_command(CLI::App& app);
void add_plan_command(CLI::App& app);
void add_rehearse_command(CLI::App& app);
void add_keygen_command(CLI::App& app);
void add_encrypt_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_review_command(CLI::App& app);
void add_jobs_command(CLI::App& app);
void add_decrypt_command(CLI::App& app);
void add_evaluate_command(CLI::App& app);
void add_predict_command(CLI::App& app);
void add_encrypt_rows_command(CLI::App& app);
void add_decrypt_scores_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_pipeline_command(CLI::App& app);
void add_export_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_info_command(CLI::App& app);
// Several owners.
void add_charter_command(CLI::App& app);
void add_member_command(CLI::App& app);
void add_recipient_command(CLI::App& app);

}  // namespace cipherfit
