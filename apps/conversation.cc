#include "conversation.h"

#include <cstdio>

namespace verbatim::app {

Result<ConversationTemplate> conversation_template(const LoadedModel& loaded) {
  ConversationTemplate made;
  const Tokenizer& tokenizer = *loaded.tokenizer;
  if (tokenizer.bos()) made.options.bos_token = tokenizer.token_bytes(*tokenizer.bos());
  if (tokenizer.eos()) made.options.eos_token = tokenizer.token_bytes(*tokenizer.eos());
  jinja::Date& date = made.options.date;
  std::sscanf(loaded.date.c_str(), "%d-%d-%d", &date.year, &date.month, &date.day);

  const std::string& source = loaded.checkpoint.tokenizer.chat_template;
  if (source.empty()) return made;
  auto chat = ChatTemplate::create(source);
  if (!chat)
    return fail("the chat template cannot be used: {}; give another by --chat-template FILE",
                chat.error().message);
  made.chat = std::make_shared<const ChatTemplate>(*std::move(chat));
  return made;
}

}  // namespace verbatim::app
