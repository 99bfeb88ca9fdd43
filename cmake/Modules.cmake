# verbatim_module(NAME [USES modules...] [LINKS libraries...]): every src/NAME/**.cc becomes the static library verbatim_NAME.
# The order below is the layering: a module may use those of earlier lines, and names all that its files include, and no
# other (tests/layers checks it).
set_property(GLOBAL PROPERTY VERBATIM_MODULES "")

function(verbatim_module name)
  cmake_parse_arguments(PARSE_ARGV 1 module "" "" "USES;LINKS")
  list(TRANSFORM module_USES PREPEND verbatim_ OUTPUT_VARIABLE used)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(sources)
    add_library(verbatim_${name} STATIC ${sources})
    target_link_libraries(verbatim_${name} PUBLIC verbatim_options ${module_LINKS} ${used})
  else()
    add_library(verbatim_${name} INTERFACE)
    target_link_libraries(verbatim_${name} INTERFACE verbatim_options ${module_LINKS} ${used})
  endif()
  set_property(GLOBAL APPEND PROPERTY VERBATIM_MODULES ${name})
endfunction()

verbatim_module(base LINKS PkgConfig::CRYPTO verbatim_fmt)
verbatim_module(json USES base)
verbatim_module(parallel USES base LINKS Threads::Threads)
verbatim_module(spec USES base)
verbatim_module(ops USES base spec)
verbatim_module(sample USES base spec)
verbatim_module(backend USES base parallel spec ops sample LINKS ${CMAKE_DL_LIBS})
verbatim_module(model USES base spec ops)
verbatim_module(load USES base json parallel spec ops model)
verbatim_module(builtin USES base load)
verbatim_module(schedule USES base ops)
verbatim_module(tokenizer USES base load LINKS PkgConfig::PCRE2 PkgConfig::UTF8PROC)
verbatim_module(constrain USES base json tokenizer)
verbatim_module(engine USES base ops backend model load builtin sample schedule tokenizer constrain)
verbatim_module(receipt USES base json spec backend engine LINKS PkgConfig::CRYPTO)
verbatim_module(report USES base)
verbatim_module(lab USES base json parallel spec ops backend engine report)
verbatim_module(jinja USES base json LINKS PkgConfig::UTF8PROC)
verbatim_module(chat USES base json jinja)
verbatim_module(server USES base json spec sample tokenizer constrain engine receipt chat LINKS verbatim_asio verbatim_spdlog)
verbatim_module(verify USES json receipt server)
verbatim_module(client USES base json LINKS verbatim_asio)
verbatim_module(audit USES base json report client)

# The model that is part of the program.
set(storyteller ${PROJECT_SOURCE_DIR}/models/storyteller/storyteller.gguf)
set_source_files_properties(src/builtin/storyteller.S PROPERTIES COMPILE_DEFINITIONS STORYTELLER="${storyteller}"
                                                                 OBJECT_DEPENDS ${storyteller})
target_sources(verbatim_builtin PRIVATE src/builtin/storyteller.S)

# The page that shows a report.
file(GLOB report_page CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/report/page/*)
set_source_files_properties(src/report/page.S PROPERTIES OBJECT_DEPENDS "${report_page}")
target_sources(verbatim_report PRIVATE src/report/page.S)

if(EXISTS ${PROJECT_SOURCE_DIR}/src/backend/cpu/InstructionSets.cmake)
  include(${PROJECT_SOURCE_DIR}/src/backend/cpu/InstructionSets.cmake)
endif()
include(${PROJECT_SOURCE_DIR}/src/backend/cuda/Cuda.cmake)
