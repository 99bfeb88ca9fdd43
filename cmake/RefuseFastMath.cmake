# Ends the configuration where a flag of the toolchain or the environment asks for fast mathematics, at a compile or a link
# line. (CMake takes CXXFLAGS and LDFLAGS of the environment into these variables.) Also a script: see tests/layers.
set(fast_math "(^|[ ;,])(-Ofast|-ffast-math|-funsafe-math-optimizations|-mdaz-ftz|[^ ;,]*crtfastmath[^ ;,]*)($|[ ;,])")
foreach(variable CMAKE_C_FLAGS CMAKE_CXX_FLAGS CMAKE_ASM_FLAGS CMAKE_EXE_LINKER_FLAGS CMAKE_SHARED_LINKER_FLAGS
                 CMAKE_MODULE_LINKER_FLAGS CMAKE_CXX_STANDARD_LIBRARIES)
  foreach(suffix "" _DEBUG _RELEASE _RELWITHDEBINFO _MINSIZEREL)
    if("${${variable}${suffix}}" MATCHES "${fast_math}")
      message(FATAL_ERROR "${variable}${suffix} holds ${CMAKE_MATCH_2}: it loses subnormal numbers, and answers would differ "
                          "from those that the fingerprint promises. Leave it out (CXXFLAGS, LDFLAGS).")
    endif()
  endforeach()
endforeach()
