# cmake -D BUILD=<build folder> -D README=<file> -D FOLDER=<to work in> -D COMPILER=<C++> -D GENERATOR=<name>
#       -D COMMIT=<Commit.cmake> -P Package.cmake
#
# Installs into an empty folder, builds there what the README shows, and runs it: the answer is the built-in model's.
cmake_minimum_required(VERSION 3.25)

# run(OUTPUT command...): it succeeds, and says something that matches.
function(run output)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE code)
  if(NOT code EQUAL 0 OR NOT said MATCHES "${output}")
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nexit code ${code}, expected '${output}':\n${said}")
  endif()
endfunction()

# What the README shows of a language.
function(write_shown language file)
  file(READ ${README} text)
  string(REGEX MATCH "```${language}\n([^`]*)```" shown "${text}")
  file(WRITE ${file} "${CMAKE_MATCH_1}")
endfunction()

file(REMOVE_RECURSE ${FOLDER})
write_shown(cmake ${FOLDER}/CMakeLists.txt)
write_shown(cpp ${FOLDER}/tale.cc)
run("verbatimConfig.cmake" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${FOLDER}/prefix)
run("verbatim_DIR" ${CMAKE_COMMAND} -S ${FOLDER} -B ${FOLDER}/build -G ${GENERATOR} -L -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_CXX_FLAGS=-Wall\ -Wextra\ -Werror -D CMAKE_PREFIX_PATH=${FOLDER}/prefix)
run("tale" ${CMAKE_COMMAND} --build ${FOLDER}/build)
run("^ there was a king" ${FOLDER}/build/tale)
run("^verbatim [0-9.]+" ${FOLDER}/prefix/bin/verbatim --version)

# A source without .git is of no commit, or of that which git archive wrote down, whatever repository lies around it.
run("" ${CMAKE_COMMAND} -D SOURCE=${FOLDER} -D OUT=${FOLDER}/commit.h -P ${COMMIT})
file(READ ${FOLDER}/commit.h said)
file(READ ${COMMIT} script)
if(script MATCHES "Format:%H" AND NOT said MATCHES "COMMIT \"\"")
  message(FATAL_ERROR "a source without .git said:\n${said}")
endif()

foreach(file LICENSE docs/numerics.md)
  if(NOT EXISTS ${FOLDER}/prefix/share/doc/verbatim/${file})
    message(FATAL_ERROR "${file} was not installed")
  endif()
endforeach()
