# The CUDA backend: built where nvcc is found, on PATH, in /usr/local/cuda or in build/cuda (`./dev cuda` puts the compiler's
# pip packages there). A program built with it runs on machines without a driver, which is loaded when a device is asked for.
#
# Each kernel file becomes one object with code for compute capability 8.0 and 9.0a, those of hopper/ for 9.0a alone. --expt-relaxed-constexpr: the pages of spec/
# are constexpr, and are what the device computes.
find_program(VERBATIM_NVCC nvcc
             PATHS /usr/local/cuda/bin ${PROJECT_SOURCE_DIR}/build/cuda/nvidia/cu13/bin)
get_target_property(backend_sources verbatim_backend SOURCES)
set(with_cuda ${backend_sources})
list(FILTER with_cuda INCLUDE REGEX "/backend/cuda/")
set(without_cuda ${with_cuda})
list(FILTER with_cuda EXCLUDE REGEX "/without\\.cc$")
list(FILTER without_cuda INCLUDE REGEX "/without\\.cc$")
if(NOT VERBATIM_NVCC OR CMAKE_CROSSCOMPILING)
  list(REMOVE_ITEM backend_sources ${with_cuda})
  set_target_properties(verbatim_backend PROPERTIES SOURCES "${backend_sources}")
  return()
endif()
list(REMOVE_ITEM backend_sources ${without_cuda})
set_target_properties(verbatim_backend PROPERTIES SOURCES "${backend_sources}")

get_filename_component(cuda_root ${VERBATIM_NVCC} REALPATH)
get_filename_component(cuda_root ${cuda_root} DIRECTORY)
get_filename_component(cuda_root ${cuda_root} DIRECTORY)
find_library(VERBATIM_CUDART libcudart_static.a REQUIRED PATHS ${cuda_root}/lib ${cuda_root}/lib64 NO_DEFAULT_PATH)
find_package(Threads REQUIRED)

set(any_card -gencode arch=compute_80,code=[sm_80,compute_80])
set(hopper -gencode arch=compute_90a,code=sm_90a)
file(GLOB_RECURSE kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/backend/cuda/*.cu)
foreach(kernel IN LISTS kernels)
  string(REGEX REPLACE ".*/cuda/(.*)\\.cu$" "\\1" name ${kernel})
  set(object ${PROJECT_BINARY_DIR}/cuda/${name}.o)
  set(cards ${any_card} ${hopper})
  if(name MATCHES "^hopper/")
    set(cards ${hopper})
  endif()
  get_filename_component(folder ${object} DIRECTORY)
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${VERBATIM_NVCC} -c ${kernel} -o ${object} -MD -MF ${object}.d -std=c++20 -O3
            ${VERBATIM_NVCC_FLOAT_FLAGS} --expt-relaxed-constexpr -Xcompiler -fPIC,-Wno-psabi -I${PROJECT_SOURCE_DIR}/src
            ${cards}
    DEPENDS ${kernel}
    DEPFILE ${object}.d
    COMMENT "Compiling ${name}.cu for GPUs"
    VERBATIM)
  target_sources(verbatim_backend PRIVATE ${object})
  list(APPEND cuda_objects ${object})
endforeach()
set_source_files_properties(${with_cuda} PROPERTIES INCLUDE_DIRECTORIES ${cuda_root}/include)
set(cuda_libraries ${VERBATIM_CUDART} ${CMAKE_DL_LIBS} Threads::Threads rt)
target_link_libraries(verbatim_backend PUBLIC ${cuda_libraries})
# For the library that is installed, which takes its modules' own objects only.
set_property(GLOBAL PROPERTY VERBATIM_CUDA_OBJECTS ${cuda_objects})
set_property(GLOBAL PROPERTY VERBATIM_CUDA_LIBRARIES ${cuda_libraries})
