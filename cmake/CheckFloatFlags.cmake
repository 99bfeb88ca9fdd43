# cmake -D ROOT=<tree> -P CheckFloatFlags.cmake: nobody changes floating point behind the contract's back.
#
#   F1  compiler flags that touch code generation or floating point stand in FloatFlags.cmake and InstructionSets.cmake
#       only, where each has its reason
#   F2  no source changes them by pragma or attribute, or touches the rounding mode or the treatment of subnormals
#
# Comments are not looked at. Fails with one line for each offence.
cmake_minimum_required(VERSION 3.25)

set(homes cmake/FloatFlags.cmake src/backend/cpu/InstructionSets.cmake)
set(flag "-(Ofast|use_fast_math|fmad|ftz|prec-|m(arch|cpu|tune|fma|avx|amx|sse|f16c|daz)|f[a-z-]*(-math|fp-|excess-precision|signed-zeros))")
set(tampering
    "#[ \t]*pragma[ \t]+(GCC[ \t]+(optimize|target)|STDC[ \t]+FP_|clang[ \t]+fp|float_control)"
    "__attribute__[ \t]*\\(\\([ \t]*(__)?optimize" "gnu::optimize" "_MM_SET_(FLUSH|DENORMALS|ROUNDING)" "_mm_setcsr"
    "fe(setround|setenv|holdexcept|updateenv)")

set(offences "")
set(folders cmake src apps tests tools bench)
list(TRANSFORM folders REPLACE "(.+)" "${ROOT}/\\1/*.cmake;${ROOT}/\\1/CMakeLists.txt" OUTPUT_VARIABLE build_patterns)
file(GLOB_RECURSE build_files RELATIVE ${ROOT} ${build_patterns})
file(GLOB more RELATIVE ${ROOT} ${ROOT}/CMakeLists.txt ${ROOT}/CMakePresets.json ${ROOT}/dev ${ROOT}/.ci/run)
list(APPEND build_files ${more})
list(FILTER build_files EXCLUDE REGEX "^(cmake/CheckFloatFlags|cmake/RefuseFastMath|tests/layers/(PlantedFaults|FastMath))\\.cmake$")
list(REMOVE_ITEM build_files ${homes})
foreach(file ${build_files})
  file(READ ${ROOT}/${file} text)
  string(REGEX REPLACE "#[^\n]*" "" text "${text}")
  if(text MATCHES "[^A-Za-z0-9_]-?${flag}")
    list(APPEND offences "F1 ${file}: ${CMAKE_MATCH_0}")
  endif()
endforeach()

file(GLOB_RECURSE sources RELATIVE ${ROOT} ${ROOT}/src/*.cc ${ROOT}/src/*.h ${ROOT}/src/*.inc ${ROOT}/src/*.cu ${ROOT}/apps/*.cc ${ROOT}/apps/*.h)
foreach(file ${sources})
  file(READ ${ROOT}/${file} text)
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")
  foreach(pattern ${tampering})
    if(text MATCHES "${pattern}")
      list(APPEND offences "F2 ${file}: ${CMAKE_MATCH_0}")
    endif()
  endforeach()
endforeach()

list(LENGTH build_files build_count)
list(LENGTH sources source_count)
if(offences)
  list(JOIN offences "\n" offences)
  message(FATAL_ERROR "\n${offences}")
elseif(build_count EQUAL 0 OR source_count EQUAL 0)
  message(FATAL_ERROR "${ROOT} holds nothing to check")
endif()
message(STATUS "${build_count} build files and ${source_count} sources leave floating point alone")
