# A room is one folder under src/ (or reports/), compiled once as an object library `hf_<room>`
# and composed into the shipped archives by src/CMakeLists.txt. Tests name the rooms they need.

find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)

add_library(hf_flags INTERFACE)
target_compile_options(hf_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
                       $<$<BOOL:${HOLDFAST_WERROR}>:-Werror>)
if(HOLDFAST_SANITIZE)
  target_compile_options(hf_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(hf_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE})
endif()

# holdfast_room(<room> SOURCES <file>... [LIBS <target>...])
function(holdfast_room room)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LIBS" ${ARGN})
  add_library(hf_${room} OBJECT ${ROOM_SOURCES})
  target_include_directories(hf_${room} PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src
                             ${PROJECT_SOURCE_DIR})
  target_link_libraries(hf_${room} PRIVATE hf_flags PUBLIC Threads::Threads ${ROOM_LIBS})
endfunction()

# holdfast_test(<name> SOURCES <file>... ROOMS <room>... [LIBS <target>...])
# A GoogleTest program `test_<name>`, each case registered with ctest as `<name>.<Suite>.<Case>`.
function(holdfast_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;ROOMS;LIBS" ${ARGN})
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  add_executable(test_${name} ${T_SOURCES})
  foreach(room IN LISTS T_ROOMS)
    target_link_libraries(test_${name} PRIVATE hf_${room})
  endforeach()
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(test_${name} PRIVATE
    HOLDFAST_SOURCE_DIR="${PROJECT_SOURCE_DIR}" HOLDFAST_BINARY_DIR="${PROJECT_BINARY_DIR}")
  # GoogleTest's macros hide an `if` and a parameter called `info`.
  target_compile_options(test_${name} PRIVATE -Wno-dangling-else -Wno-shadow -Wno-missing-field-initializers)
  # Compiling a case costs far more than running it: half of the compiler's time goes into optimising and describing it.
  target_compile_options(test_${name} PRIVATE $<$<CONFIG:RelWithDebInfo>:-O1;-g1>)
  target_link_libraries(test_${name} PRIVATE hf_flags GTest::gmock GTest::gtest_main ${T_LIBS})
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${T_TIMEOUT})
endfunction()
