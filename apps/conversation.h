// Conversation template: how a loaded model writes a conversation as a prompt.
#pragma once

#include <memory>

#include "chat/chat_template.h"
#include "engine/loaded_model.h"

namespace verbatim::app {

struct ConversationTemplate {
  std::shared_ptr<const ChatTemplate> chat;  // nullptr: the model has none
  ChatOptions options;                       // the tokens and the date that the template may print
};

// The error names the template's line and what it does not support.
Result<ConversationTemplate> conversation_template(const LoadedModel& loaded);

}  // namespace verbatim::app
