# Writes commit.h: which commit of the source this is, "-dirty" behind it where files differ; empty without git.
# cmake -D SOURCE=folder -D OUT=file -P Commit.cmake
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=* OUTPUT_VARIABLE commit
                ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
file(CONFIGURE OUTPUT ${OUT} CONTENT "#pragma once\n\n#define VERBATIM_COMMIT \"@commit@\"\n" @ONLY)  # only when it changes
