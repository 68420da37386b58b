sigma_test(test_app_columns SOURCES ${CMAKE_CURRENT_LIST_DIR}/encoding_test.cpp ${CMAKE_CURRENT_LIST_DIR}/term_filter_test.cpp LIBS app_columns)
