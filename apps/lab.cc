// verbatim lab: seven claims about determinism as experiments on this machine (src/lab/lab.h, docs/lab.md).
#include <algorithm>
#include <cstdio>

#include "backend/conventional/blas.h"
#include "backend/list.h"
#include "command.h"
#include "json/library.h"
#include "lab/lab.h"
#include "lab/page.h"
#include "lab/render.h"

namespace verbatim::app {
namespace {

struct LabFlags {
  std::string model = default_model();
  std::string backend = "auto";
  std::string prompt = lab::Conditions().prompt;
  int threads = 0;
  std::uint64_t seed = 1;
  std::vector<int> only;
  std::string html;  // file; empty: none
  bool json = false;
};

// What the experiments are given, and what keeps it alive.
struct Apparatus {
  std::unique_ptr<LoadedModel> our_model, control_model;
  std::unique_ptr<Backend> ours, control;
  lab::Conditions conditions;
};

// Models where an experiment needs one, else backends alone.
Result<Apparatus> prepare(const LabFlags& options, bool with_model) {
  Apparatus apparatus;
  lab::Conditions& conditions = apparatus.conditions;
  conditions.threads = thread_count(options.threads);
  conditions.seed = options.seed;
  conditions.prompt = options.prompt;
  auto open = [&](std::string_view backend, std::unique_ptr<LoadedModel>& model,
                  std::unique_ptr<Backend>& alone) -> Result<Backend*> {
    if (!with_model) {
      auto made = make_backend(backend, conditions.threads);
      if (!made) return made.error();
      alone = *std::move(made);
      return alone.get();
    }
    ModelChoice choice;
    choice.path = options.model;
    choice.backend = backend;
    choice.threads = conditions.threads;
    auto loaded = load_model(choice);
    if (!loaded) return loaded.error();
    model = *std::move(loaded);
    return model->backend.get();
  };
  auto ours = open(options.backend, apparatus.our_model, apparatus.ours);
  if (!ours) return ours.error();
  conditions.ours = *ours;
  conditions.our_model = apparatus.our_model.get();
  auto control = open(control_group().name, apparatus.control_model, apparatus.control);
  if (control) {
    conditions.control = *control;
    conditions.control_model = apparatus.control_model.get();
  } else {
    conditions.control_missing = control.error().message;
  }
  return apparatus;
}

bool asked_for(const LabFlags& options, const lab::Experiment& experiment) {
  return options.only.empty() || std::ranges::find(options.only, experiment.number) != options.only.end();
}

// The command line without --only and the outputs.
std::string command_of(const LabFlags& options) {
  LabFlags defaults;
  std::string command = "verbatim lab";
  if (options.model != defaults.model) command += " -m " + report::shell_quoted(options.model);
  if (options.backend != defaults.backend) command += " --backend " + options.backend;
  if (options.threads != defaults.threads) command += fmt::format(" --threads {}", options.threads);
  if (options.prompt != defaults.prompt) command += " -p " + report::shell_quoted(options.prompt);
  if (options.seed != defaults.seed) command += fmt::format(" --seed {}", options.seed);
  return command;
}

int lab_command(const LabFlags& options) {
  if (options.backend == control_group().name)
    return complain(
        fail("--backend conventional: the control group is compared with a backend that is not it"));
  bool with_model = std::ranges::any_of(lab::experiments(), [&](const lab::Experiment& experiment) {
    return experiment.needs_model && asked_for(options, experiment);
  });
  auto apparatus = prepare(options, with_model);
  if (!apparatus) return complain(apparatus.error());
  const lab::Conditions& conditions = apparatus->conditions;
  if (conditions.our_model != nullptr) {
    auto prompt = conditions.our_model->tokenizer->encode(conditions.prompt, {true, false});
    if (!prompt) return complain(prompt.error());
    if (prompt->empty() ||
        2 * static_cast<std::int64_t>(prompt->size()) > conditions.our_model->model->config().context_length)
      return complain(
          fail("--prompt: has {} tokens; it must have one, and fill at most half of the model's context",
               prompt->size()));
  }
  std::string control = conditions.control != nullptr ? Blas::load()->description() : "missing";
  if (!options.json) {
    fmt::print("backend {}, {} threads; control group: {}\n", conditions.ours->name(), conditions.threads,
               control);
    if (with_model) fmt::print("model {}\n", options.model);
  }
  std::vector<lab::Finding> findings;
  for (const lab::Experiment& experiment : lab::experiments()) {
    if (!asked_for(options, experiment)) continue;
    findings.push_back(lab::run(experiment, conditions));
    if (options.json) continue;
    fmt::print("\n{}", lab::to_text(findings.back()));
    std::fflush(stdout);
  }
  if (options.json) {
    nlohmann::json out = {
        {"backend", conditions.ours->name()}, {"threads", conditions.threads}, {"control_group", control}};
    if (with_model) out["model"] = options.model;
    for (const lab::Finding& finding : findings) out["findings"].push_back(lab::to_json(finding));
    std::puts(out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  }
  if (options.html.empty()) return 0;
  std::vector<report::Fact> provenance = {{"version", VERBATIM_VERSION},
                                          {"backend", std::string(conditions.ours->name())},
                                          {"control group", control},
                                          {"threads", fmt::format("{}", conditions.threads)},
                                          {"model", options.model}};
  Status written =
      report::write_page(options.html, lab::to_report(findings, std::move(provenance), command_of(options)));
  return written.ok() ? 0 : complain(written.error());
}

}  // namespace

void add_lab(CommandLine line) {
  auto options = std::make_shared<LabFlags>();
  add_model_flag(line, options->model);
  line.flag("--only", options->only, "Numbers of the experiments to run, such as 4,5; all by default")
      .comma_separated()
      .between(1, static_cast<int>(lab::experiments().size()));
  line.flag("--backend", options->backend, "Kernels that the control group is compared with, as in run");
  line.flag("--threads", options->threads, "Threads; 0 is one for each processor that this process may use")
      .between(0, 1024);
  line.flag("-p,--prompt", options->prompt, "Prompt of experiments 6 and 7");
  line.flag("--seed", options->seed, "Seed of all random numbers");
  line.flag("--html", options->html, "File for the findings as one page that a browser opens by itself");
  line.boolean("--json", options->json, "The findings as JSON");
  std::string list = "Experiments:\n";
  for (const lab::Experiment& experiment : lab::experiments())
    list += fmt::format("  {}  {}\n", experiment.number, experiment.name);
  line.footer(list +
              "Examples:\n"
              "  verbatim lab\n"
              "  verbatim lab --html lab.html\n"
              "  verbatim lab --only 4,5\n"
              "  verbatim lab -m model.gguf --only 6 -p \"Once upon a time\" --json");
  line.run([options] { return lab_command(*options); });
}

}  // namespace verbatim::app
