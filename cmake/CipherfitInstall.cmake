# cmake --install: headers, libraries, programs and the package that find_package(cipherfit) finds.
# The component `development` is the library alone: cmake --install <build> --component development.
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY CIPHERFIT_LIBRARIES)
set(package_directory "${CMAKE_INSTALL_LIBDIR}/cmake/cipherfit")
install(TARGETS ${libraries} EXPORT cipherfitTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY include/cipherfit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.h")
install(EXPORT cipherfitTargets NAMESPACE cipherfit::
        DESTINATION ${package_directory} COMPONENT development)
configure_package_config_file(cmake/cipherfitConfig.cmake.in
    "${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfig.cmake"
    INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfigVersion.cmake"
        DESTINATION ${package_directory} COMPONENT development)
