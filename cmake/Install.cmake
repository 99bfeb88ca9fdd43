# cmake --install: the program, its documents, and for C++ programs that embed the engine a library, its headers and a CMake
# package: find_package(verbatim) gives the target verbatim::verbatim (README, "In your own program").
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One archive of the modules up to the engine, and of chat templates.
add_library(verbatim_library STATIC)
foreach(module base json parallel spec ops backend load builtin sample model schedule tokenizer constrain engine jinja chat)
  get_target_property(type verbatim_${module} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    target_sources(verbatim_library PRIVATE $<TARGET_OBJECTS:verbatim_${module}>)
  endif()
endforeach()
get_property(cuda_objects GLOBAL PROPERTY VERBATIM_CUDA_OBJECTS)
get_property(cuda_libraries GLOBAL PROPERTY VERBATIM_CUDA_LIBRARIES)
target_sources(verbatim_library PRIVATE ${cuda_objects})
add_dependencies(verbatim_library verbatim_backend)  # which makes them
set_target_properties(verbatim_library PROPERTIES OUTPUT_NAME verbatim EXPORT_NAME verbatim LINKER_LANGUAGE CXX)
# Headers hold arithmetic of the contract: who includes them compiles it as we do.
get_target_property(float_flags verbatim_float_flags INTERFACE_COMPILE_OPTIONS)
target_compile_options(verbatim_library INTERFACE ${float_flags} $<$<CXX_COMPILER_ID:Clang>:-Wno-invalid-constexpr>)
target_compile_features(verbatim_library INTERFACE cxx_std_20)
target_include_directories(verbatim_library INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/verbatim>)
target_link_libraries(verbatim_library INTERFACE $<IF:$<BOOL:${VERBATIM_STATIC}>,fmt::fmt-header-only,fmt::fmt>
                      $<INSTALL_INTERFACE:nlohmann_json::nlohmann_json> PkgConfig::CRYPTO PkgConfig::PCRE2 PkgConfig::UTF8PROC
                      Threads::Threads ${CMAKE_DL_LIBS} ${cuda_libraries})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/verbatim)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/verbatimConfig.cmake.in ${PROJECT_BINARY_DIR}/verbatimConfig.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/verbatimConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(TARGETS verbatim)
install(TARGETS verbatim_library EXPORT verbatim)
install(EXPORT verbatim NAMESPACE verbatim:: DESTINATION ${package} FILE verbatimTargets.cmake)
install(FILES ${PROJECT_BINARY_DIR}/verbatimConfig.cmake ${PROJECT_BINARY_DIR}/verbatimConfigVersion.cmake DESTINATION ${package})
install(CODE "set(from ${PROJECT_SOURCE_DIR}/src)\nset(to \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/verbatim\")")
install(SCRIPT ${CMAKE_CURRENT_LIST_DIR}/InstallHeaders.cmake)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR})
