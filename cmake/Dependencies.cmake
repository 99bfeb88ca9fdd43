# Debian 12 libraries. Each is used by the modules named beside it in Modules.cmake.
if(VERBATIM_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
  add_link_options(-static)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(TLS REQUIRED IMPORTED_TARGET libssl)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET "libpcre2-8>=10.40")
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

# Debian has no libfmt.a, so a static program compiles fmt from its headers.
find_package(fmt REQUIRED CONFIG)
add_library(verbatim_fmt INTERFACE)
target_link_libraries(verbatim_fmt INTERFACE $<IF:$<BOOL:${VERBATIM_STATIC}>,fmt::fmt-header-only,fmt::fmt>)

# Asio and Beast, from their headers alone. What they deprecate is left out; deadlines are of the steady clock.
find_package(Boost 1.81 REQUIRED)
add_library(verbatim_asio INTERFACE)
target_include_directories(verbatim_asio SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(verbatim_asio INTERFACE BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(verbatim_asio INTERFACE PkgConfig::TLS Threads::Threads)

# From its headers too, on the fmt above: Debian's libspdlog is bound to the shared libfmt.
add_library(verbatim_spdlog INTERFACE)
target_compile_definitions(verbatim_spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
target_link_libraries(verbatim_spdlog INTERFACE verbatim_fmt)
