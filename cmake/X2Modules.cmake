# x2_module(NAME <target> DIR <include path> SOURCES … [DEPS …] [PRIVATE_DEPS …])
#
# A module's headers are reached as "<include path>/x.h" through an include root of its own, a folder that holds nothing but
# a link to the module: whoever does not declare the module in DEPS cannot include it, it does not compile. That is how the one-way
# dependencies of docs/architecture.md are enforced.
function(x2_module)
  cmake_parse_arguments(M "" "NAME;DIR" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${M_NAME} STATIC ${M_SOURCES})
  set(root ${CMAKE_BINARY_DIR}/inc/${M_NAME})
  get_filename_component(parent ${root}/${M_DIR} DIRECTORY)
  file(MAKE_DIRECTORY ${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${M_DIR} ${root}/${M_DIR} SYMBOLIC)
  target_include_directories(${M_NAME} PUBLIC ${root})
  target_link_libraries(${M_NAME} PUBLIC ${M_DEPS} PRIVATE ${M_PRIVATE_DEPS})
  x2_checks(${M_NAME})
endfunction()

# x2_program(NAME <program> SOURCES … DEPS …): lands in <build>/bin.
function(x2_program)
  cmake_parse_arguments(M "" "NAME" "SOURCES;DEPS" ${ARGN})
  add_executable(${M_NAME} ${M_SOURCES})
  target_link_libraries(${M_NAME} PRIVATE ${M_DEPS})
  x2_checks(${M_NAME})
endfunction()

# x2_test(NAME <program> SOURCES … DEPS … [LABELS …] [PATHS <source>…]): GoogleTest with its main, one ctest entry, in
# <build>/bin/tests. Only the sources of PATHS see X2_SOURCE_DIR and X2_BINARY_DIR: what holds no absolute path is compiled once
# for every checkout on a machine.
function(x2_test)
  cmake_parse_arguments(M "" "NAME" "SOURCES;DEPS;LABELS;PATHS" ${ARGN})
  if(NOT X2SEC_BUILD_TESTS)
    return()
  endif()
  add_executable(${M_NAME} ${M_SOURCES})
  target_link_libraries(${M_NAME} PRIVATE ${M_DEPS} GTest::gmock GTest::gtest GTest::gtest_main)
  if(M_PATHS)
    set_property(SOURCE ${M_PATHS} APPEND PROPERTY COMPILE_DEFINITIONS X2_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                 X2_BINARY_DIR="${CMAKE_BINARY_DIR}")
  endif()
  set_target_properties(${M_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/tests)
  add_test(NAME ${M_NAME} COMMAND ${M_NAME})
  set_tests_properties(${M_NAME} PROPERTIES TIMEOUT 300 LABELS "unit;${M_LABELS}")
  set_property(GLOBAL APPEND PROPERTY X2_TESTS ${M_NAME})
endfunction()

# x2_fuzz(NAME <program> SOURCES … DEPS …): libFuzzer target, built with X2SEC_FUZZ=ON by clang.
function(x2_fuzz)
  cmake_parse_arguments(M "" "NAME" "SOURCES;DEPS" ${ARGN})
  if(NOT X2SEC_FUZZ)
    return()
  endif()
  add_executable(${M_NAME} ${M_SOURCES})
  target_link_libraries(${M_NAME} PRIVATE ${M_DEPS})
  target_link_options(${M_NAME} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${M_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin/fuzz)
endfunction()

function(x2_checks target)
  if(X2SEC_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
