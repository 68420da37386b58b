#include "tools/ctl/command.h"

namespace ctl {

// Each is defined in the file of its name.
void add_diagnose_command(Program& program);
void add_completion(Program& program);
void add_task(Program& program);
void add_config_command(Program& program);
void add_bench_command(Program& program);
void add_logits_command(Program& program);
void add_tokenize_command(Program& program);
void add_embed_command(Program& program);
void add_generate_command(Program& program);
void add_logs_commands(Program& program);
void add_model_command(Program& program);
void add_query(Program& program);
void add_kql(Program& program);
void add_connect(Program& program);
void add_session_commands(Program& program);

std::function<void()> chosen(Program& program, std::function<int()> run) {
  return [&program, run = std::move(run)] { program.run = run; };
}

void add_commands(Program& program) {
  add_diagnose_command(program);
  add_completion(program);
  add_task(program);
  add_config_command(program);
  add_bench_command(program);
  add_logits_command(program);
  add_tokenize_command(program);
  add_embed_command(program);
  add_generate_command(program);
  add_logs_commands(program);
  add_model_command(program);
  add_query(program);
  add_kql(program);
  add_connect(program);
  add_session_commands(program);
}

}  // namespace ctl
