// Probes: short conversations that tell what a template takes.
//
// A template says nowhere whether it reads a message's content as text or as a list of parts. It shows when it is
// asked to render both: the one whose text comes out is the one it reads (llama.cpp finds out in this way).
#pragma once

#include "chat/chat_template.h"

namespace verbatim {

ChatTemplate::Takes probe(const jinja::Template& compiled);

}  // namespace verbatim
