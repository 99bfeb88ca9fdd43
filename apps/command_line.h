// The command line: commands, their flags and arguments. Each flag can also be given as an environment variable:
// VERBATIM_PORT is --port where the command line does not have it. CLI11 does the work, in command_line.cc alone: its
// header would be most of what a command costs to compile.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace verbatim::app {

// A flag or an argument, of which more can be said. Copies are of the same one.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  Flag& required();
  Flag& comma_separated();
  Flag& one_word();       // of the command line; otherwise a list takes all that follow
  Flag& shows_default();  // in the help

  // What its value must be; help and complaints say it.
  Flag& between(int least, int most);
  Flag& between(double least, double most);
  Flag& at_least(double least);
  Flag& positive();
  Flag& not_negative();
  Flag& one_of(std::vector<std::string> texts);
  Flag& one_of(std::initializer_list<int> numbers);
  Flag& bytes();  // a size, such as 64GiB
  // check: text -> what is wrong with it, or ""
  Flag& checked(const std::string& kind, std::function<std::string(const std::string& text)> check);

  bool given() const;  // once the command line has been read

 private:
  CLI::Option* option_;
};

// What one command takes, and does.
class CommandLine {
 public:
  // action: where run() puts what to do
  CommandLine(CLI::App* app, std::function<int()>* action) : app_(app), action_(action) {}

  // names: "-n,--max-tokens". The default is the present value; `value` must live until the action has run.
  template <class T>
  Flag flag(const std::string& names, T& value, const std::string& help);
  Flag boolean(const std::string& names, bool& value, const std::string& help);
  // Of the command line alone: no variable gives it, and its default is not shown.
  template <class T>
  Flag argument(const std::string& name, T& value, const std::string& help);

  void footer(const std::string& text);
  CommandLine command(const std::string& name, const std::string& summary);
  void run(std::function<int()> action);  // when the command is chosen, and none of its own

 private:
  CLI::App* app_;
  std::function<int()>* action_;
};

// What a command line asks for.
struct Asked {
  std::function<int()> action;         // empty: all is said, and the program ends with
  int exit_code = 0;                   // this code
  std::vector<std::string> variables;  // that set a flag of the chosen command
};

class Program {
 public:
  Program(const std::string& summary, std::function<std::string()> version, const std::string& footer);
  ~Program();

  CommandLine command(const std::string& name, const std::string& summary);

  // Prints help and complaints; one that a variable caused names it. A variable that is set and empty is refused:
  // VERBATIM_API_KEY= must not open a server.
  Asked parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
  std::function<int()> action_;
};

}  // namespace verbatim::app
