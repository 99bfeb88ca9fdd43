# verbatim_module(NAME [libraries...]): every src/NAME/**.cc becomes the static library verbatim_NAME, which sees the
# modules declared before it. The order below is the layering: includes may only point to an earlier line
# (tests/layers checks it).
set(VERBATIM_LOWER_MODULES "")
set_property(GLOBAL PROPERTY VERBATIM_MODULES "")

function(verbatim_module name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  get_property(lower GLOBAL PROPERTY VERBATIM_MODULES)
  list(TRANSFORM lower PREPEND verbatim_ OUTPUT_VARIABLE lower_targets)
  if(sources)
    add_library(verbatim_${name} STATIC ${sources})
    target_link_libraries(verbatim_${name} PUBLIC verbatim_options ${ARGN} ${lower_targets})
  else()
    add_library(verbatim_${name} INTERFACE)
    target_link_libraries(verbatim_${name} INTERFACE verbatim_options ${ARGN} ${lower_targets})
  endif()
  list(APPEND lower ${name})
  set_property(GLOBAL PROPERTY VERBATIM_MODULES "${lower}")
endfunction()

verbatim_module(base PkgConfig::CRYPTO verbatim_fmt)
verbatim_module(json)
verbatim_module(parallel Threads::Threads)
verbatim_module(spec)
verbatim_module(ops)
verbatim_module(sample)
verbatim_module(backend ${CMAKE_DL_LIBS})
verbatim_module(model)
verbatim_module(load)
verbatim_module(builtin)
verbatim_module(schedule)
verbatim_module(tokenizer PkgConfig::PCRE2 PkgConfig::UTF8PROC)
verbatim_module(constrain)
verbatim_module(engine)
verbatim_module(receipt PkgConfig::CRYPTO)
verbatim_module(report)
verbatim_module(lab)
verbatim_module(jinja PkgConfig::UTF8PROC)
verbatim_module(chat)
verbatim_module(server verbatim_asio verbatim_spdlog)
verbatim_module(verify)
verbatim_module(client verbatim_asio)
verbatim_module(audit)

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
