# Warnings, sanitizers and link-time optimisation, the same for everything in this project.

add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)

if(TONI_WERROR)
  add_compile_options(-Werror)
endif()

if(TONI_SANITIZE)
  # Recovering from a finding would hide it: the first one ends the process.
  add_compile_options(-fsanitize=${TONI_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TONI_SANITIZE})
endif()

if(TONI_LTO)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT TONI_LTO_WORKS LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${TONI_LTO_WORKS})
endif()
