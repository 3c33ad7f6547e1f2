# What `cmake --install` puts where. The libraries of core/ are the program's own and stay behind.
include(CMakePackageConfigHelpers)

install(TARGETS toni RUNTIME DESTINATION bin)
install(DIRECTORY include/toni DESTINATION include FILES_MATCHING PATTERN *.h)
install(DIRECTORY docs DESTINATION share/doc/toni
  FILES_MATCHING PATTERN *.md PATTERN *.svg PATTERN *.png PATTERN man EXCLUDE)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md gateways.conf DESTINATION share/doc/toni)
install(FILES docs/man/toni.1 DESTINATION share/man/man1)
install(FILES docs/man/gateways.conf.5 DESTINATION share/man/man5)

# When it is installed: only then is the prefix known for sure.
install(CODE "configure_file(${PROJECT_SOURCE_DIR}/systemd/toni.service.in ${PROJECT_BINARY_DIR}/toni.service @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/toni.service systemd/toni.socket DESTINATION lib/systemd/system)

set(TONI_SDK_DIR share/toni/sdk)
install(DIRECTORY sdk/testkit sdk/template DESTINATION ${TONI_SDK_DIR})

configure_file(cmake/toni.pc.in toni.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/toni.pc DESTINATION lib/pkgconfig)

configure_package_config_file(cmake/toniConfig.cmake.in toniConfig.cmake
  INSTALL_DESTINATION lib/cmake/toni
  PATH_VARS TONI_PLUGINS_DIR TONI_SDK_DIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(toniConfigVersion.cmake COMPATIBILITY SameMajorVersion
  ARCH_INDEPENDENT)
install(FILES
  ${PROJECT_BINARY_DIR}/toniConfig.cmake
  ${PROJECT_BINARY_DIR}/toniConfigVersion.cmake
  cmake/ToniPlugin.cmake
  cmake/toni_plugin.map
  DESTINATION lib/cmake/toni)
