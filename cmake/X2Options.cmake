# Build switches. The three X2SEC_WITH_* are product switches (R3): a firmware without the feature does not carry its code,
# and a decision that needs it becomes BLOCK with the reason.
option(X2SEC_WITH_IPSEC "IKEv2/IPsec through libreswan's pluto" ON)
option(X2SEC_WITH_CMP "Certificate enrolment by CMPv2" ON)
option(X2SEC_WITH_KEYDIST "Pair keys from the key-distribution service, and the service itself" ON)
option(X2SEC_BUILD_TESTS "Unit tests, conformance suites, lab programs" ON)
option(X2SEC_BUILD_BENCH "Benchmarks (tests/bench)" ON)
option(X2SEC_FUZZ "libFuzzer targets (clang only)" OFF)
set(X2SEC_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(X2_CCACHE ccache)
if(X2_CCACHE)
  # Relative paths and no directory hash: the build folders of the presets share one cache.
  set(x2_launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${X2_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${x2_launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${x2_launcher})
endif()
find_program(X2_MOLD mold)
if(X2_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror=return-type -Werror=unused-result
                    -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
add_link_options(-pie -Wl,-z,relro,-z,now -Wl,--as-needed)
# Debian's protobuf headers ask for NDEBUG in step with the library; assertions of our own are not used.
string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
if(X2SEC_SANITIZE)
  add_compile_options(-fsanitize=${X2SEC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${X2SEC_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
