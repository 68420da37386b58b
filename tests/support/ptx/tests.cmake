# The PTX simulator. Its loops over the 32 lanes of a warp are what the GPU tests spend their time in, so they are compiled for
# AVX2, which every x86-64 machine of the last ten years has; the fake driver reports no device on one that has not.
sigma_module(test_ptx
             SOURCES ${CMAKE_CURRENT_LIST_DIR}/findings.cpp ${CMAKE_CURRENT_LIST_DIR}/memory.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/shared_memory.cpp ${CMAKE_CURRENT_LIST_DIR}/tokens.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/module_text.cpp ${CMAKE_CURRENT_LIST_DIR}/allocate.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/decode.cpp ${CMAKE_CURRENT_LIST_DIR}/integer_ops.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/float_ops.cpp ${CMAKE_CURRENT_LIST_DIR}/convert_ops.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/move_ops.cpp ${CMAKE_CURRENT_LIST_DIR}/addressing.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/global_access.cpp ${CMAKE_CURRENT_LIST_DIR}/memory_ops.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/atomic_ops.cpp ${CMAKE_CURRENT_LIST_DIR}/async_ops.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/warp_ops.cpp ${CMAKE_CURRENT_LIST_DIR}/matrix_ops.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/block.cpp ${CMAKE_CURRENT_LIST_DIR}/machine.cpp
                     ${CMAKE_CURRENT_LIST_DIR}/simulator.cpp
             LIBS Threads::Threads)
target_compile_options(test_ptx PRIVATE -O3)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  target_compile_options(test_ptx PRIVATE -mavx2 -mfma -mf16c)
endif()
set_target_properties(test_ptx PROPERTIES POSITION_INDEPENDENT_CODE ON)
