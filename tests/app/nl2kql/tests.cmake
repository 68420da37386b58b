sigma_test(test_app_nl2kql SOURCES ${CMAKE_CURRENT_LIST_DIR}/rules_test.cpp LIBS app_nl2kql)
