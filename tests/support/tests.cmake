sigma_test(test_layering SOURCES ${CMAKE_CURRENT_LIST_DIR}/../layering_test.cpp)
