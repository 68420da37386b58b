sigma_test(test_kernels
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/quant_test.cpp ${CMAKE_CURRENT_LIST_DIR}/matmul_test.cpp
                   ${CMAKE_CURRENT_LIST_DIR}/vector_test.cpp
           LIBS kernels_cpu kernels_reference)
