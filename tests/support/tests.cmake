sigma_test(test_layering SOURCES ${CMAKE_CURRENT_LIST_DIR}/../layering_test.cpp)
sigma_module(test_tiny_model SOURCES ${CMAKE_CURRENT_LIST_DIR}/tiny_model.cpp
             LIBS engine_model engine_files PRIVATE_LIBS kernels_reference)
