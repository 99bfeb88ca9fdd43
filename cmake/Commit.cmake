# Writes commit.h: which commit of the source this is, "-dirty" behind it where files differ; empty where nothing says so.
# cmake -D SOURCE=folder -D OUT=file -P Commit.cmake
cmake_minimum_required(VERSION 3.25)
set(commit "$Format:%H$")  # git archive writes it here (.gitattributes)
if(EXISTS ${SOURCE}/.git)  # not a repository that the source was unpacked in
  execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=* OUTPUT_VARIABLE commit
                  ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
elseif(commit MATCHES "Format")
  set(commit "")
else()
  string(SUBSTRING ${commit} 0 12 commit)
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#pragma once\n\n#define VERBATIM_COMMIT \"@commit@\"\n" @ONLY)  # only when it changes
