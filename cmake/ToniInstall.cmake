# What `cmake --install` puts where, by component: `runtime` is the host, `sdk` what plugins are built against, `doc` the
# documentation. The libraries of core/ are the program's own and stay behind.
include(CMakePackageConfigHelpers)

# --- runtime; the plugins and the page are installed where they are built, and so are the templates of `toni new` (sdk)

install(TARGETS toni RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(TARGETS toni-bench RUNTIME DESTINATION ${TONI_LIBEXEC_DIR} COMPONENT runtime)
file(GLOB command_pages CONFIGURE_DEPENDS docs/man/*.1)
install(FILES ${command_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
install(FILES docs/man/gateways.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT runtime)
install(FILES completions/toni.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
  RENAME toni COMPONENT runtime)
install(FILES completions/_toni DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT runtime)
install(FILES completions/toni.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT runtime)

# When it is installed: only then is the prefix known for sure. Units are found in lib, whatever CMAKE_INSTALL_LIBDIR.
install(CODE "set(CMAKE_INSTALL_BINDIR \"${CMAKE_INSTALL_BINDIR}\")
  configure_file(${PROJECT_SOURCE_DIR}/systemd/toni.service.in ${PROJECT_BINARY_DIR}/toni.service @ONLY)"
  COMPONENT runtime)
install(FILES ${PROJECT_BINARY_DIR}/toni.service systemd/toni.socket DESTINATION lib/systemd/system COMPONENT runtime)
install(FILES systemd/toni.sysusers DESTINATION lib/sysusers.d RENAME toni.conf COMPONENT runtime)
install(FILES systemd/toni.tmpfiles DESTINATION lib/tmpfiles.d RENAME toni.conf COMPONENT runtime)

# --- doc

install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc
  FILES_MATCHING PATTERN *.md PATTERN *.svg PATTERN *.png PATTERN man EXCLUDE)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md gateways.conf DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc PATTERN build EXCLUDE PATTERN *.log EXCLUDE)

# --- sdk

set(package_dir ${TONI_PACKAGE_DIR})
install(DIRECTORY sdk/testkit DESTINATION ${TONI_SDK_DIR} COMPONENT sdk USE_SOURCE_PERMISSIONS)
install(FILES docs/man/toni-plugin.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7 COMPONENT sdk)

set_target_properties(toni_sdk PROPERTIES EXPORT_NAME toni)
install(TARGETS toni_sdk EXPORT toniTargets
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk)
install(EXPORT toniTargets NAMESPACE toni:: DESTINATION ${package_dir} COMPONENT sdk)

# Apart, since it needs jansson where it is used.
install(TARGETS toni_events EXPORT toniEventsTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk)
install(EXPORT toniEventsTargets NAMESPACE toni:: DESTINATION ${package_dir} COMPONENT sdk)

file(RELATIVE_PATH TONI_PREFIX_FROM_PC /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/toni.pc.in toni.pc @ONLY)
configure_file(cmake/toni-events.pc.in toni-events.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/toni.pc ${PROJECT_BINARY_DIR}/toni-events.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)

configure_package_config_file(cmake/toniConfig.cmake.in toniConfig.cmake
  INSTALL_DESTINATION ${package_dir}
  PATH_VARS TONI_PLUGINS_DIR TONI_SDK_DIR CMAKE_INSTALL_BINDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Until 1.0 each minor version may change the plugin ABI.
write_basic_package_version_file(toniConfigVersion.cmake COMPATIBILITY SameMinorVersion
  ARCH_INDEPENDENT)
install(FILES
  ${PROJECT_BINARY_DIR}/toniConfig.cmake
  ${PROJECT_BINARY_DIR}/toniConfigVersion.cmake
  cmake/ToniPlugin.cmake
  cmake/toni_plugin.map
  DESTINATION ${package_dir} COMPONENT sdk)
