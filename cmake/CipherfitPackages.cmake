# cpack -G DEB: cipherfit-owner with the program of the data's owner, cipherfit-server with that of
# the machine that trains. Both need nothing but the packages of the Debian that they are made on, which
# dpkg-shlibdeps reads from the programs. cpack itself needs `tools/setup.sh package`.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME cipherfit)
set(CPACK_PACKAGE_VENDOR cipherfit)
set(CPACK_PACKAGE_CONTACT "cipherfit developers <nobody@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL owner server)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENTS_IGNORE_GROUPS 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_OWNER_PACKAGE_NAME cipherfit-owner)
# Its commands start the server's program, which lies beside it.
set(CPACK_DEBIAN_OWNER_PACKAGE_DEPENDS "cipherfit-server (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_OWNER_DESCRIPTION "The owner's program: keys, encryption, decryption and checks")
set(CPACK_DEBIAN_SERVER_PACKAGE_NAME cipherfit-server)
set(CPACK_COMPONENT_SERVER_DESCRIPTION "The server's program: training on ciphertexts, and a service")
# The settings that an operator has changed stay.
file(WRITE "${CMAKE_BINARY_DIR}/packages/conffiles" "/etc/cipherfit/server.toml\n")
set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS passwd)  # useradd
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA "${CMAKE_BINARY_DIR}/packages/conffiles"
    "${PROJECT_SOURCE_DIR}/packaging/postinst" "${PROJECT_SOURCE_DIR}/packaging/prerm"
    "${PROJECT_SOURCE_DIR}/packaging/postrm")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
install(FILES packaging/cipherfit-server.service DESTINATION lib/systemd/system
    COMPONENT server EXCLUDE_FROM_ALL)
install(FILES packaging/server.toml DESTINATION /etc/cipherfit COMPONENT server EXCLUDE_FROM_ALL)
foreach(component owner server)
    install(FILES LICENSE DESTINATION share/doc/cipherfit-${component} RENAME copyright
        COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()
include(CPack)
