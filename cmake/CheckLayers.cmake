# cmake -D ROOT=<tree> -P CheckLayers.cmake: the layering of src/, as cmake/Modules.cmake declares it.
#
#   L1  every source lies in a declared module
#   L2  an include in quotes is "module/path", and exists
#   L3  it points to the same module or to one declared before it
#   L4  no file includes itself, directly or by way of others
#   L5  a module declares that it USES those modules that its files include, and no other
#   L6  docs/architecture.md lists the modules, from the highest to the lowest
#
# Fails with one line for each offence. It reads text: an include inside #if counts.
cmake_minimum_required(VERSION 3.25)

file(STRINGS ${ROOT}/cmake/Modules.cmake lines REGEX "^verbatim_module\\(")
set(modules "")
foreach(line ${lines})
  string(REGEX MATCH "^verbatim_module\\(([a-z0-9_]+)( USES([ a-z0-9_]+))?" declaration ${line})
  list(APPEND modules ${CMAKE_MATCH_1})
  string(REPLACE " " ";" declared_${CMAKE_MATCH_1} "${CMAKE_MATCH_3}")
  list(REMOVE_ITEM declared_${CMAKE_MATCH_1} "")
  set(unused_${CMAKE_MATCH_1} ${declared_${CMAKE_MATCH_1}})
endforeach()

set(offences "")
file(GLOB_RECURSE sources RELATIVE ${ROOT}/src ${ROOT}/src/*.cc ${ROOT}/src/*.h ${ROOT}/src/*.inc ${ROOT}/src/*.cu ${ROOT}/src/*.cuh)
foreach(source ${sources})
  set(includes_${source} "")
  string(REGEX REPLACE "/.*" "" module ${source})
  list(FIND modules ${module} layer)
  if(layer EQUAL -1)
    list(APPEND offences "L1 src/${source}: '${module}' is not a module of cmake/Modules.cmake")
    continue()
  endif()
  file(STRINGS ${ROOT}/src/${source} lines REGEX "^[ \t]*#[ \t]*include[ \t]*\"")
  foreach(line ${lines})
    string(REGEX REPLACE "^[^\"]*\"([^\"]*)\".*" "\\1" target ${line})
    string(REGEX REPLACE "/.*" "" target_module ${target})
    list(FIND modules ${target_module} target_layer)
    if(NOT EXISTS ${ROOT}/src/${target} OR target_layer EQUAL -1)
      list(APPEND offences "L2 src/${source}: \"${target}\" is no file of a module")
    elseif(target_layer GREATER layer)
      list(APPEND offences "L3 src/${source}: \"${target}\" points up, from ${module} to ${target_module}")
    else()
      list(APPEND includes_${source} ${target})
      list(REMOVE_ITEM unused_${module} ${target_module})
      if(NOT target_module STREQUAL module AND NOT target_module IN_LIST declared_${module})
        list(APPEND offences "L5 src/${source}: \"${target}\" is of ${target_module}, which ${module} does not declare")
      endif()
    endif()
  endforeach()
endforeach()

# L4: take away files that include none of the files left, until nothing changes; what is left are the cycles and the
# files above them.
set(left "${sources}")
set(before "")
while(NOT "${left}" STREQUAL "${before}")
  set(before "${left}")
  foreach(source ${before})
    set(settled TRUE)
    foreach(target ${includes_${source}})
      if(target IN_LIST left)
        set(settled FALSE)
      endif()
    endforeach()
    if(settled)
      list(REMOVE_ITEM left ${source})
    endif()
  endforeach()
endwhile()
if(left)
  list(JOIN left ", " left)
  list(APPEND offences "L4 an include cycle is reached from: ${left}")
endif()

# L5
foreach(module ${modules})
  if(unused_${module})
    list(APPEND offences "L5 cmake/Modules.cmake: ${module} declares ${unused_${module}}, which none of its files includes")
  endif()
endforeach()

# L6
file(STRINGS ${ROOT}/docs/architecture.md listed REGEX "^  [a-z0-9_]+/ ")
list(TRANSFORM listed REPLACE "^  ([a-z0-9_]+)/.*" "\\1")
set(from_above ${modules})
list(REVERSE from_above)
if(NOT "${listed}" STREQUAL "${from_above}")
  list(JOIN listed " " listed)
  list(JOIN from_above " " from_above)
  list(APPEND offences "L6 docs/architecture.md lists ${listed}, not ${from_above}")
endif()

list(LENGTH sources count)
if(offences)
  list(JOIN offences "\n" offences)
  message(FATAL_ERROR "\n${offences}")
elseif(count EQUAL 0)
  message(FATAL_ERROR "${ROOT}/src holds no sources to check")
endif()
message(STATUS "${count} files keep their layers")
