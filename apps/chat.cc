// verbatim run --chat: a conversation. Each turn is the prompt that the model's template makes of all turns so far; what
// they share is in the prefix cache. Ctrl-C ends an answer, and between answers the program.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "conversation.h"
#include "generation.h"
#include "json/library.h"
#include "signals.h"

namespace verbatim::app {
namespace {

constexpr std::int64_t kMostTokens = 8192;  // of a conversation, so that its cache stays of a reasonable size

class Chat {
 public:
  Chat(const GenerationFlags& flags, const LoadedModel& loaded, ConversationTemplate form, Engine& engine)
      : flags_(flags), loaded_(loaded), form_(std::move(form)), engine_(engine) {
    if (!flags.system.empty()) say("system", flags.system);
  }

  // Prints the answer to `text`; what there was of it when `stop` said so remains as the model's turn.
  Status turn(const std::string& text, const std::function<bool()>& stop = {}) {
    say("user", text);
    auto prompt = form_.chat->render(messages_, nullptr, nullptr, form_.options);
    if (!prompt) return prompt.error();
    auto request = make_request(loaded_, flags_, *prompt, {.add_special = false, .parse_special = true});
    if (!request) return request.error();
    Printer printer(1, true);
    Status status = generate(engine_, *std::move(request), printer, stop);
    std::puts("");
    if (status.ok()) say("assistant", printer.texts().front());
    return status;
  }

 private:
  void say(const char* role, const std::string& text) {
    messages_.push_back({{"role", role}, {"content", text}});
  }

  const GenerationFlags& flags_;
  const LoadedModel& loaded_;
  ConversationTemplate form_;
  Engine& engine_;
  nlohmann::ordered_json messages_ = nlohmann::ordered_json::array();
};

}  // namespace

int chat(const GenerationFlags& flags, LoadedModel& loaded) {
  auto form = conversation_template(loaded);
  if (!form) return complain(form.error());
  if (!form->chat)
    return complain(
        fail("{}: has no chat template; give one by --chat-template FILE", loaded.checkpoint.path));
  auto engine = make_engine(loaded, 1, std::min(loaded.context, kMostTokens));
  if (!engine) return complain(engine.error());
  Chat chat(flags, loaded, *std::move(form), **engine);

  if (!flags.text.text.empty() || !flags.text.file.empty()) {
    auto text = read_text(flags.text);
    if (!text) return complain(text.error());
    Status status = chat.turn(*text);
    return status.ok() ? 0 : complain(status.error());
  }
  bool asks = isatty(STDIN_FILENO) == 1;
  for (std::string line;
       std::fputs(asks ? "> " : "", stdout), std::fflush(stdout), std::getline(std::cin, line);) {
    if (line.empty()) continue;
    Interruption interruption;  // of the answer; between answers SIGINT ends the program
    if (Status status = chat.turn(line, [&] { return interruption.came(); }); !status.ok())
      return complain(status.error());
  }
  return 0;
}

}  // namespace verbatim::app
