#include "environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace verbatim::app {
namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// The options of `app` and of the subcommands that were chosen.
void add_chosen(const CLI::App& app, std::vector<const CLI::Option*>& options) {
  for (const CLI::Option* option : app.get_options()) options.push_back(option);
  for (const CLI::App* chosen : app.get_subcommands()) add_chosen(*chosen, options);
}

// "--port" and "--port=80", "-m"
bool on_command_line(const CLI::Option& option, int argc, char** argv) {
  return std::any_of(argv, argv + argc, [&](const std::string& word) {
    return word.starts_with('-') && option.check_name(word.substr(0, word.find('=')));
  });
}

// Those that set an option that the command line does not.
std::vector<std::string> variables_in_use(const CLI::App& program, int argc, char** argv) {
  std::vector<const CLI::Option*> options;
  add_chosen(program, options);
  std::vector<std::string> names;
  for (const CLI::Option* option : options)
    if (variable(option->get_envname()) && !on_command_line(*option, argc, argv))
      names.push_back(option->get_envname());
  return names;
}

// What the parser says, or "".
std::string complaint_of(CLI::App& program, int argc, char** argv) {
  try {
    program.parse(argc, argv);
    return "";
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
}

// The first variable without which the parser would not say this.
std::string cause_of(const std::string& complaint, CLI::App& program, int argc, char** argv) {
  for (const std::string& name : variables_in_use(program, argc, argv)) {
    const std::string value = *variable(name);
    ::unsetenv(name.c_str());
    const bool cured = complaint_of(program, argc, argv) != complaint;
    ::setenv(name.c_str(), value.c_str(), 1);
    if (cured) return name;
  }
  return "";
}

}  // namespace

void leave_service_links_aside() {
  constexpr const char* kName = "VERBATIM_PORT";
  const std::string value = variable(kName).value_or("");
  const std::string scheme = value.substr(0, value.find("://"));
  if (scheme.size() == value.size() || (scheme != "tcp" && scheme != "udp" && scheme != "sctp")) return;
  fmt::print(stderr,
             "verbatim: {}={} comes from a Kubernetes service called verbatim and is not taken as --port; "
             "enableServiceLinks: false in the pod keeps it away\n",
             kName, value);
  ::unsetenv(kName);
}

std::vector<std::string> parse(CLI::App& program, int argc, char** argv) {
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) throw;  // help
    const std::string complaint = error.what();
    const std::string cause = cause_of(complaint, program, argc, argv);
    if (cause.empty()) throw;
    throw CLI::ValidationError(cause + ": " + complaint);
  }
  std::vector<std::string> names = variables_in_use(program, argc, argv);
  for (const std::string& name : names)
    if (variable(name)->empty())
      throw CLI::ValidationError(name + " is set and empty: give it a value, or unset it");
  return names;
}

}  // namespace verbatim::app
