# Building and testing plugins. Installed with toni: find_package(toni) has it.

# toni_add_plugin(NAME SOURCE...): builds NAME.so, a gateway or service for toni. It sees the headers in include/toni,
# links nothing of the host, and shows one symbol, toni_plugin_entry.
function(toni_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  target_link_libraries(${name} PRIVATE toni::toni)
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    SUFFIX .so
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  # Hidden visibility leaves out what headers of C++ libraries declare visible, such as std::vector's members. All
  # linkers for ELF take GNU ld's version scripts.
  set(map ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/toni_plugin.map)
  target_link_options(${name} PRIVATE LINKER:--version-script=${map})
  # What it calls of its own is its own: not a function of that name in a library of the host's, such as jansson. Nor
  # does it show those of a static library.
  target_link_options(${name} PRIVATE LINKER:--exclude-libs,ALL LINKER:-Bsymbolic)
  set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${map})
  # A symbol that nobody has is found when the plugin is linked, not when a host loads it. Under clang's sanitizers
  # it can't be: their runtime is in the host's program alone, and as that is C, without what these two checks need.
  if(TONI_SANITIZE AND CMAKE_C_COMPILER_ID MATCHES Clang)
    target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=function,vptr>)
  else()
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
endfunction()

# toni_need_testkit(): makes the target toni::testkit, with Check, if it is not there yet.
function(toni_need_testkit)
  if(TARGET toni::testkit)
    return()
  endif()
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET GLOBAL check>=0.15)
  file(GLOB sources CONFIGURE_DEPENDS ${toni_TESTKIT_DIR}/*.c)
  add_library(toni_testkit STATIC EXCLUDE_FROM_ALL ${sources})
  add_library(toni::testkit ALIAS toni_testkit)
  target_include_directories(toni_testkit PUBLIC ${toni_TESTKIT_DIR})
  target_link_libraries(toni_testkit PUBLIC toni::toni PkgConfig::CHECK ${CMAKE_DL_LIBS})
  # All that includes toni_testkit.h sees the whole table, in whatever order it includes headers.
  target_compile_definitions(toni_testkit PUBLIC TONI_ABI_NEEDED=TONI_ABI_MINOR)
  target_compile_definitions(toni_testkit PRIVATE _GNU_SOURCE)
  set_target_properties(toni_testkit PROPERTIES C_STANDARD 11)
  # The program that toni_real_host.h starts.
  if(TARGET toni)
    target_compile_definitions(toni_testkit PRIVATE TONI_PROGRAM="$<TARGET_FILE:toni>")
  elseif(toni_PROGRAM)
    target_compile_definitions(toni_testkit PRIVATE TONI_PROGRAM="${toni_PROGRAM}")
  endif()
endfunction()

# toni_add_plugin_test(NAME SOURCES FILE... [PLUGIN TARGET]): a test of ctest, with Check, the fake host of toni_testkit.h
# and the real one of toni_real_host.h. TARGET is built first, and its file's name is TONI_PLUGIN_FILE in the sources. The project must have
# the language C enabled.
function(toni_add_plugin_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PLUGIN" "SOURCES")
  toni_need_testkit()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE toni::testkit)
  if(arg_PLUGIN)
    target_compile_definitions(${name} PRIVATE TONI_PLUGIN_FILE="$<TARGET_FILE:${arg_PLUGIN}>")
    add_dependencies(${name} ${arg_PLUGIN})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  # Check's own 4 seconds are too few on a busy machine.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT CK_DEFAULT_TIMEOUT=60)
endfunction()
