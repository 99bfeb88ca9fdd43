# Compiler options of the instruction sets: one folder, one set of options, for every .cc in it. Folders of other
# architectures leave the build. The rest of the program is compiled for the oldest processor of its architecture;
# cpu_features.h decides at run time which folder's code may run.
#
# -O3 in every build type: these files rely on full inlining and unrolling. An inline function that stayed a symbol
# of its own would be merged with its namesake from other files, and could bring new instructions to old processors.
#
# No unity build: copies of two instruction sets must not meet in one translation unit.
#
# GCC 12 warns about its own AVX-512 header (its bug 105593, _mm512_undefined), hence two warnings less there.
set(VERBATIM_INSTRUCTION_SETS generic avx2 avx512 amx neon)
set(VERBATIM_OPTIONS_generic -O3)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(VERBATIM_OPTIONS_avx2 -O3 -mavx2 -mfma)
  set(VERBATIM_OPTIONS_avx512 ${VERBATIM_OPTIONS_avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni
      -Wno-uninitialized -Wno-maybe-uninitialized)
  set(VERBATIM_OPTIONS_amx ${VERBATIM_OPTIONS_avx512} -mamx-tile -mamx-int8)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(VERBATIM_OPTIONS_neon -O3 -march=armv8.2-a+dotprod)
endif()

get_target_property(backend_sources verbatim_backend SOURCES)
foreach(set IN LISTS VERBATIM_INSTRUCTION_SETS)
  set(set_sources ${backend_sources})
  list(FILTER set_sources INCLUDE REGEX "/backend/cpu/${set}/")
  if(NOT set_sources)
    continue()
  endif()
  if(DEFINED VERBATIM_OPTIONS_${set})
    set_source_files_properties(${set_sources} PROPERTIES COMPILE_OPTIONS "${VERBATIM_OPTIONS_${set}}")
  else()
    list(REMOVE_ITEM backend_sources ${set_sources})
  endif()
endforeach()
set_target_properties(verbatim_backend PROPERTIES SOURCES "${backend_sources}" UNITY_BUILD OFF)
