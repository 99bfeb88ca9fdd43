#include "command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

namespace verbatim::app {
namespace {

// "-n,--max-tokens" -> "VERBATIM_MAX_TOKENS"
std::string environment_of(const std::string& names) {
  std::string name = "VERBATIM_";
  for (char c : names.substr(names.rfind("--") + 2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

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

// Gives the variables in use.
std::vector<std::string> parse_with_variables(CLI::App& program, int argc, char** argv) {
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

}  // namespace

Flag& Flag::required() { return option_->required(), *this; }
Flag& Flag::comma_separated() { return option_->delimiter(','), *this; }
Flag& Flag::one_word() { return option_->allow_extra_args(false), *this; }
Flag& Flag::shows_default() { return option_->capture_default_str(), *this; }

Flag& Flag::between(int least, int most) { return option_->check(CLI::Range(least, most)), *this; }
Flag& Flag::between(double least, double most) { return option_->check(CLI::Range(least, most)), *this; }
Flag& Flag::positive() { return option_->check(CLI::PositiveNumber), *this; }
Flag& Flag::not_negative() { return option_->check(CLI::NonNegativeNumber), *this; }
Flag& Flag::one_of(std::vector<std::string> texts) { return option_->check(CLI::IsMember(texts)), *this; }
Flag& Flag::one_of(std::initializer_list<int> numbers) {
  return option_->check(CLI::IsMember(std::vector<int>(numbers))), *this;
}
Flag& Flag::bytes() { return option_->transform(CLI::AsSizeValue(false)), *this; }

Flag& Flag::at_least(double least) {
  return checked(fmt::format("{} ..", least), [least](const std::string& text) {
    double value = 0;
    bool fits = CLI::detail::lexical_cast(text, value) && value >= least;
    return fits ? "" : fmt::format("is {}, must be a number of at least {}", text, least);
  });
}

Flag& Flag::checked(const std::string& kind, std::function<std::string(const std::string& text)> check) {
  return option_->check(CLI::Validator(std::move(check), kind)), *this;
}

bool Flag::given() const { return option_->count() > 0; }

template <class T>
Flag CommandLine::flag(const std::string& names, T& value, const std::string& help) {
  return Flag(app_->add_option(names, value, help)->envname(environment_of(names))->capture_default_str());
}

Flag CommandLine::boolean(const std::string& names, bool& value, const std::string& help) {
  return Flag(app_->add_flag(names, value, help)->envname(environment_of(names)));
}

template <class T>
Flag CommandLine::argument(const std::string& name, T& value, const std::string& help) {
  return Flag(app_->add_option(name, value, help));
}

// The types that flags have.
template Flag CommandLine::flag(const std::string&, int&, const std::string&);
template Flag CommandLine::flag(const std::string&, std::int64_t&, const std::string&);
template Flag CommandLine::flag(const std::string&, std::uint64_t&, const std::string&);
template Flag CommandLine::flag(const std::string&, float&, const std::string&);
template Flag CommandLine::flag(const std::string&, double&, const std::string&);
template Flag CommandLine::flag(const std::string&, std::string&, const std::string&);
template Flag CommandLine::flag(const std::string&, std::vector<int>&, const std::string&);
template Flag CommandLine::flag(const std::string&, std::vector<std::int64_t>&, const std::string&);
template Flag CommandLine::flag(const std::string&, std::vector<double>&, const std::string&);
template Flag CommandLine::flag(const std::string&, std::vector<std::string>&, const std::string&);
template Flag CommandLine::argument(const std::string&, std::string&, const std::string&);
template Flag CommandLine::argument(const std::string&, std::vector<std::string>&, const std::string&);

void CommandLine::footer(const std::string& text) { app_->footer(text); }

CommandLine CommandLine::command(const std::string& name, const std::string& summary) {
  return {app_->add_subcommand(name, summary), action_};
}

void CommandLine::run(std::function<int()> action) {
  app_->callback([app = app_, chosen = action_, action = std::move(action)] {
    if (app->get_subcommands().empty()) *chosen = action;
  });
}

Program::Program(const std::string& summary, std::function<std::string()> version, const std::string& footer)
    : app_(std::make_unique<CLI::App>(summary)) {
  app_->require_subcommand(1);
  app_->set_help_all_flag("--help-all", "Show the help of every command");
  app_->set_version_flag("--version", std::move(version), "Say which program this is");
  app_->footer(footer);
}

Program::~Program() = default;

CommandLine Program::command(const std::string& name, const std::string& summary) {
  return CommandLine(app_.get(), &action_).command(name, summary);
}

Asked Program::parse(int argc, char** argv) {
  try {
    std::vector<std::string> variables = parse_with_variables(*app_, argc, argv);
    return {action_, 0, std::move(variables)};
  } catch (const CLI::ParseError& error) {
    return {nullptr, app_->exit(error) == 0 ? 0 : 2, {}};
  }
}

}  // namespace verbatim::app
