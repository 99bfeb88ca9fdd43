// The JSON library. What writes text is compiled once (json.cc): it is most of what a tree costs to compile.
#pragma once

#include <nlohmann/json.hpp>

extern template class nlohmann::detail::serializer<nlohmann::json>;
extern template class nlohmann::detail::serializer<nlohmann::ordered_json>;
