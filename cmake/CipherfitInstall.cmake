# cmake --install: headers, libraries, programs and the package that find_package(cipherfit) finds.
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY CIPHERFIT_LIBRARIES)
install(TARGETS ${libraries} EXPORT cipherfitTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/cipherfit DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cipherfitTargets NAMESPACE cipherfit::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cipherfit)
configure_package_config_file(cmake/cipherfitConfig.cmake.in
    "${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfig.cmake"
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cipherfit)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfigVersion.cmake"
    COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/cipherfitConfigVersion.cmake"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cipherfit)
