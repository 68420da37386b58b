sigma_test(test_engine_base SOURCES ${CMAKE_CURRENT_LIST_DIR}/text_test.cpp LIBS engine_base)
