sigma_test(test_engine_backend
           SOURCES ${CMAKE_CURRENT_LIST_DIR}/cpu_backend_test.cpp ${CMAKE_CURRENT_LIST_DIR}/attention_test.cpp
           LIBS engine_backend kernels_reference)
sigma_test(test_engine_quantize SOURCES ${CMAKE_CURRENT_LIST_DIR}/quantize_test.cpp LIBS engine_backend)
sigma_test(test_engine_choose_backend SOURCES ${CMAKE_CURRENT_LIST_DIR}/choose_backend_test.cpp LIBS engine_backend kernels_cuda)
