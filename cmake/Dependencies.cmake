# Debian 12 libraries. Each is used by the modules named beside it in Modules.cmake.
if(VERBATIM_STATIC)
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
  add_link_options(-static)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)

# Debian has no libfmt.a, so a static program compiles fmt from its headers.
find_package(fmt REQUIRED CONFIG)
add_library(verbatim_fmt INTERFACE)
target_link_libraries(verbatim_fmt INTERFACE $<IF:$<BOOL:${VERBATIM_STATIC}>,fmt::fmt-header-only,fmt::fmt>)
