# Warnings, sanitizers, hardening and link-time optimisation, the same for everything in this project.
include(CheckCCompilerFlag)
include(CheckPIESupported)

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)

# A thread that a plugin ends is noticed on its way out (core/plugin/call.h). For all, since what is optimised at
# link time may lie in a caller of another folder.
add_compile_options($<$<COMPILE_LANGUAGE:C>:-fexceptions>)

if(TONI_WERROR)
  add_compile_options(-Werror)
endif()

if(TONI_SANITIZE)
  # Recovering from a finding would hide it: the first one ends the process.
  add_compile_options(-fsanitize=${TONI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TONI_SANITIZE})
endif()

# What makes a mistake harder to use. Where there are sanitizers they find it first; without optimisation
# _FORTIFY_SOURCE does nothing but warn. scripts/checks/hardening looks for all of it in what was linked.
if(TONI_HARDEN AND NOT TONI_SANITIZE)
  check_pie_supported(LANGUAGES C)
  set(optimised $<NOT:$<CONFIG:,Debug>>)
  add_compile_options(
    $<${optimised}:-U_FORTIFY_SOURCE> $<${optimised}:-D_FORTIFY_SOURCE=3> $<${optimised}:-fstack-protector-strong>)
  # Each is for some architectures only: the stack touched page by page; jumps that land where the compiler meant.
  set(CMAKE_REQUIRED_FLAGS -Werror) # clang only warns of what is for another one
  foreach(flag -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard)
    string(MAKE_C_IDENTIFIER TONI_TAKES${flag} takes)
    check_c_compiler_flag(${flag} ${takes})
    if(${takes})
      add_compile_options($<${optimised}:${flag}>)
    endif()
  endforeach()
  unset(CMAKE_REQUIRED_FLAGS)
  add_link_options($<${optimised}:LINKER:-z,relro,-z,now,-z,noexecstack>)
endif()

if(TONI_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT TONI_LTO_WORKS LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${TONI_LTO_WORKS})
endif()
